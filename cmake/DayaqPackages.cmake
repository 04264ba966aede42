# Debian packages of the three programs: `cmake --build build/release --target package` (cpack) makes
# dayaq_*.deb (the command line), dayaqd_*.deb (the centre) and dayaq-edge_*.deb (an operator's edge). Units, users and
# maintainer scripts are in packaging/; tests/packages_test.py installs and starts them.
install(TARGETS dayaq RUNTIME DESTINATION bin COMPONENT dayaq)
install(FILES LICENSE DESTINATION share/doc/dayaq RENAME copyright COMPONENT dayaq)

install(TARGETS dayaqd RUNTIME DESTINATION bin COMPONENT dayaqd)
install(DIRECTORY country web DESTINATION share/dayaq COMPONENT dayaqd PATTERN README.md EXCLUDE
  PATTERN messages.tsv EXCLUDE)
# In the repository a link to the messages of the tests.
install(FILES tests/data/sms/generated.tsv DESTINATION share/dayaq/country/az/drills RENAME messages.tsv COMPONENT dayaqd)
install(FILES packaging/dayaqd/dayaqd.service DESTINATION lib/systemd/system COMPONENT dayaqd)
install(FILES packaging/dayaqd/sysusers.conf DESTINATION lib/sysusers.d RENAME dayaqd.conf COMPONENT dayaqd)
install(FILES LICENSE DESTINATION share/doc/dayaqd RENAME copyright COMPONENT dayaqd)

if(TARGET dayaq-edge)
  install(TARGETS dayaq-edge RUNTIME DESTINATION bin COMPONENT dayaq-edge)
  install(FILES packaging/dayaq-edge/dayaq-edge.service DESTINATION lib/systemd/system COMPONENT dayaq-edge)
  install(FILES packaging/dayaq-edge/sysusers.conf DESTINATION lib/sysusers.d RENAME dayaq-edge.conf
    COMPONENT dayaq-edge)
  install(FILES deploy/grafana/dayaq-edge.json DESTINATION share/dayaq-edge/grafana COMPONENT dayaq-edge)
  install(FILES docs/edge/running.md docs/edge/configuration.md docs/edge/tv.md docs/edge/decision-api.md
    DESTINATION share/doc/dayaq-edge COMPONENT dayaq-edge)
  install(FILES LICENSE DESTINATION share/doc/dayaq-edge RENAME copyright COMPONENT dayaq-edge)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME dayaq)
set(CPACK_PACKAGE_VENDOR "Dayaq")
set(CPACK_PACKAGE_CONTACT "Dayaq maintainers <maintainers@dayaq.example>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL dayaq dayaqd dayaq-edge)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_DAYAQ_PACKAGE_NAME dayaq)
set(CPACK_COMPONENT_DAYAQ_DESCRIPTION "Administration of a Dayaq node
 init, import, regimes, keys, edges, and verification of the audit log.")

set(CPACK_DEBIAN_DAYAQD_PACKAGE_NAME dayaqd)
set(CPACK_DEBIAN_DAYAQD_PACKAGE_RECOMMENDS dayaq)
set(CPACK_DEBIAN_DAYAQD_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers")
set(CPACK_COMPONENT_DAYAQD_DESCRIPTION "The national node of Dayaq
 Registry, regimes, grants, the feed to the operators' edges, and the portal.")
set(CPACK_DEBIAN_DAYAQD_PACKAGE_CONTROL_EXTRA "${CMAKE_SOURCE_DIR}/packaging/dayaqd/postinst"
  "${CMAKE_SOURCE_DIR}/packaging/dayaqd/prerm" "${CMAKE_SOURCE_DIR}/packaging/dayaqd/postrm")

set(CPACK_DEBIAN_DAYAQ-EDGE_PACKAGE_NAME dayaq-edge)
set(CPACK_DEBIAN_DAYAQ-EDGE_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers")
set(CPACK_COMPONENT_DAYAQ-EDGE_DESCRIPTION "An operator's edge of Dayaq
 Answers the network (Diameter, RADIUS, TV, HTTP) from the grants that the centre has told, counts what is used.")
set(CPACK_DEBIAN_DAYAQ-EDGE_PACKAGE_CONTROL_EXTRA "${CMAKE_SOURCE_DIR}/packaging/dayaq-edge/postinst"
  "${CMAKE_SOURCE_DIR}/packaging/dayaq-edge/prerm" "${CMAKE_SOURCE_DIR}/packaging/dayaq-edge/postrm")

include(CPack)
