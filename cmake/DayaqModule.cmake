# dayaq_module(NAME room SOURCES ... [DEPS dayaq::x ...] [PRIVATE_DEPS ...] [TESTS a_test.cpp ...] [TEST_DEPS ...])
#
# Makes the library dayaq::<room>, refuses a link to a room that isn't on a lower floor, publishes only this
# room's headers (so that an include the links don't allow doesn't build), compiles each header alone (target
# all_verify_interface_header_sets) and registers one GoogleTest program <room>_test.
#
# A room that has grown apart is several libraries of one include name: dayaq_module(NAME edge_engine ROOM edge
# HEADERS engine.hpp ... ) publishes "edge/engine.hpp"; a folder below it (ROOM edge, in src/edge/diameter) publishes
# "edge/diameter/...". Without HEADERS all headers of the folder are its.

add_custom_target(unit_tests)  # the rooms' test programs
add_custom_target(twice)       # what `./dev test` builds with the second compiler too

# `./dev test` builds and tests again, with the second compiler, the rooms in which compilers may differ (coroutines,
# atomics, bytes, SQL bindings) and what they stand on; `./dev soak` builds and tests all rooms with it, which takes longer
# than two cores have in a submission's time.
set(DAYAQ_TESTED_TWICE base crypto store http audit feed edge_replica edge_engine edge_settler edge_diameter edge_radius
  edge_tv edge_web)

set(DAYAQ_FLOOR_base 0)
set(DAYAQ_FLOOR_crypto 1)
set(DAYAQ_FLOOR_store 1)
set(DAYAQ_FLOOR_http 1)
set(DAYAQ_FLOOR_feed 2)
set(DAYAQ_FLOOR_audit 2)
set(DAYAQ_FLOOR_registry 3)
set(DAYAQ_FLOOR_regime 4)
set(DAYAQ_FLOOR_identity 4)
set(DAYAQ_FLOOR_identity_account 5)
set(DAYAQ_FLOOR_settlement 5)
set(DAYAQ_FLOOR_portal 6)
set(DAYAQ_FLOOR_identity_oidc 6)
set(DAYAQ_FLOOR_identity_web 7)
set(DAYAQ_FLOOR_services 5)
set(DAYAQ_FLOOR_services_permit 5)
set(DAYAQ_FLOOR_services_booking 5)
set(DAYAQ_FLOOR_services_attachments 5)
set(DAYAQ_FLOOR_services_surge 5)
set(DAYAQ_FLOOR_services_cases 6)
set(DAYAQ_FLOOR_services_sms_grammar 6)
set(DAYAQ_FLOOR_services_sms 7)
set(DAYAQ_FLOOR_services_inspector 7)
set(DAYAQ_FLOOR_services_web 8)
set(DAYAQ_FLOOR_edge_replica 3)
set(DAYAQ_FLOOR_edge_engine 4)
set(DAYAQ_FLOOR_edge_settler 5)
set(DAYAQ_FLOOR_edge_diameter 6)
set(DAYAQ_FLOOR_edge_radius 6)
set(DAYAQ_FLOOR_edge_tv 6)
set(DAYAQ_FLOOR_edge_web 7)
set(DAYAQ_FLOOR_apps 9)

function(dayaq_check_floors room)
  foreach(dep ${ARGN})
    if(dep MATCHES "^dayaq::(.+)$" AND NOT CMAKE_MATCH_1 STREQUAL "test_support")
      if(NOT DEFINED DAYAQ_FLOOR_${CMAKE_MATCH_1})
        message(FATAL_ERROR "${room}: ${dep} has no floor; add it in cmake/DayaqModule.cmake")
      endif()
      if(NOT DAYAQ_FLOOR_${CMAKE_MATCH_1} LESS DAYAQ_FLOOR_${room})
        message(FATAL_ERROR "${room} may not link ${dep}: it isn't on a lower floor")
      endif()
    endif()
  endforeach()
endfunction()

function(dayaq_module)
  cmake_parse_arguments(M "" "NAME;ROOM" "SOURCES;HEADERS;DEPS;PRIVATE_DEPS;TESTS;TEST_DEPS" ${ARGN})
  dayaq_check_floors(${M_NAME} ${M_DEPS} ${M_PRIVATE_DEPS})
  if(NOT M_ROOM)
    set(M_ROOM ${M_NAME})
  endif()
  set(rooms ${CMAKE_BINARY_DIR}/rooms/${M_ROOM})
  file(MAKE_DIRECTORY ${rooms})
  if(NOT EXISTS ${rooms}/${M_ROOM})
    file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${M_ROOM} ${rooms}/${M_ROOM} SYMBOLIC)
  endif()
  add_library(dayaq_${M_NAME} STATIC ${M_SOURCES})
  add_library(dayaq::${M_NAME} ALIAS dayaq_${M_NAME})
  target_include_directories(dayaq_${M_NAME} PUBLIC ${rooms})
  target_link_libraries(dayaq_${M_NAME} PUBLIC ${M_DEPS} PRIVATE ${M_PRIVATE_DEPS} dayaq_flags)
  dayaq_precompiled(dayaq_${M_NAME})
  set(headers ${M_HEADERS})
  if(NOT headers)
    file(GLOB headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/*.hpp)
  endif()
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR}/src ${CMAKE_CURRENT_SOURCE_DIR})
  list(TRANSFORM headers PREPEND ${rooms}/${folder}/)
  if(headers)
    target_sources(dayaq_${M_NAME} INTERFACE FILE_SET HEADERS BASE_DIRS ${rooms} FILES ${headers})
    set_target_properties(dayaq_${M_NAME} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  endif()
  if(DAYAQ_TESTS AND M_TESTS)
    add_executable(${M_NAME}_test ${M_TESTS})
    target_link_libraries(${M_NAME}_test PRIVATE dayaq_${M_NAME} ${M_TEST_DEPS} ${M_PRIVATE_DEPS} dayaq_flags
      GTest::gtest GTest::gmock GTest::gtest_main)
    target_compile_definitions(${M_NAME}_test PRIVATE DAYAQ_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
      DAYAQ_BINARY_DIR="${CMAKE_BINARY_DIR}")
    dayaq_precompiled_test(${M_NAME}_test)
    add_dependencies(unit_tests ${M_NAME}_test)
    add_test(NAME ${M_NAME} COMMAND ${M_NAME}_test)
    set_tests_properties(${M_NAME} PROPERTIES TIMEOUT 300 LABELS unit)
    if(M_NAME IN_LIST DAYAQ_TESTED_TWICE)
      add_dependencies(twice ${M_NAME}_test)
      set_tests_properties(${M_NAME} PROPERTIES LABELS "unit;twice")
    endif()
  endif()
endfunction()
