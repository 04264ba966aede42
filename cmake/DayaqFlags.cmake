# Warnings, hardening and the linker, on one INTERFACE library that every room links privately.
add_library(dayaq_flags INTERFACE)
target_compile_options(dayaq_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 warns falsely inside libstdc++ and fmt when it inlines (PR 105329, 105651, 107852).
  target_compile_options(dayaq_flags INTERFACE -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread
    -Wno-array-bounds -Wno-dangling-pointer -Wno-maybe-uninitialized -Wno-free-nonheap-object
    -Wno-missing-field-initializers -Wno-interference-size -Wno-uninitialized)
else()
  target_compile_options(dayaq_flags INTERFACE -Wno-missing-designated-field-initializers)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(dayaq_flags INTERFACE _GLIBCXX_ASSERTIONS)
  target_compile_options(dayaq_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -ftrivial-auto-var-init=zero
    -fstack-protector-strong)
endif()
if(DAYAQ_SANITIZE)
  target_compile_options(dayaq_flags INTERFACE -fsanitize=${DAYAQ_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(dayaq_flags INTERFACE -fsanitize=${DAYAQ_SANITIZE})
endif()
if(DAYAQ_FUZZ)
  target_compile_options(dayaq_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_link_options(dayaq_flags INTERFACE -fuse-ld=lld)
endif()
find_package(Threads REQUIRED)
target_link_libraries(dayaq_flags INTERFACE Threads::Threads)
