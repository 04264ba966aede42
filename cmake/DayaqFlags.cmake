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

# Half of a build's time was the standard library's headers, read again for every file: clang reads them once, into a
# precompiled header for the rooms and one with GoogleTest. The g++ build has none, so a file that forgets an include
# doesn't build there; headers are compiled alone by all_verify_interface_header_sets.
set(dayaq_common_headers <algorithm> <array> <atomic> <charconv> <chrono> <cstdint> <cstring> <deque> <filesystem>
  <fstream> <functional> <map> <memory> <mutex> <optional> <set> <span> <string> <string_view> <thread> <unordered_map>
  <utility> <variant> <vector> <fmt/format.h>)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  find_package(fmt REQUIRED)
  file(WRITE ${CMAKE_BINARY_DIR}/precompiled.cpp.new "// What the precompiled headers are compiled with.\n")
  file(COPY_FILE ${CMAKE_BINARY_DIR}/precompiled.cpp.new ${CMAKE_BINARY_DIR}/precompiled.cpp ONLY_IF_DIFFERENT)
  add_library(dayaq_common_pch OBJECT ${CMAKE_BINARY_DIR}/precompiled.cpp)
  target_link_libraries(dayaq_common_pch PRIVATE dayaq_flags fmt::fmt)
  target_precompile_headers(dayaq_common_pch PRIVATE ${dayaq_common_headers})
endif()

# Reads the common headers precompiled: dayaq_precompiled(TARGET).
function(dayaq_precompiled target)
  if(TARGET dayaq_common_pch)
    target_precompile_headers(${target} REUSE_FROM dayaq_common_pch)
    target_compile_options(${target} PRIVATE -Xclang -fno-pch-timestamp)  # so that ccache may answer
  endif()
endfunction()

# The same for a test program, which also wants GoogleTest. Tests prove, they aren't timed: -O1.
function(dayaq_precompiled_test target)
  if(CMAKE_BUILD_TYPE STREQUAL "Release" AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(${target} PRIVATE -O1)
  endif()
  if(TARGET dayaq_common_pch)
    if(NOT TARGET dayaq_test_pch)
      add_library(dayaq_test_pch OBJECT ${CMAKE_BINARY_DIR}/precompiled.cpp)
      target_link_libraries(dayaq_test_pch PRIVATE dayaq_flags fmt::fmt GTest::gtest GTest::gmock)
      target_precompile_headers(dayaq_test_pch PRIVATE ${dayaq_common_headers} <gtest/gtest.h> <gmock/gmock.h>)
      if(CMAKE_BUILD_TYPE STREQUAL "Release")
        target_compile_options(dayaq_test_pch PRIVATE -O1)
      endif()
    endif()
    target_precompile_headers(${target} REUSE_FROM dayaq_test_pch)
    target_compile_options(${target} PRIVATE -Xclang -fno-pch-timestamp)
  endif()
endfunction()
