# What was used, in batches to the centre.
if(NOT TARGET dayaq::edge_engine)
  return()
endif()
dayaq_module(NAME edge_settler ROOM edge
  SOURCES settler.cpp settler_folder.cpp settler_sums.cpp
  HEADERS settler.hpp settler_folder.hpp settler_sums.hpp
  DEPS dayaq::base dayaq::crypto dayaq::feed dayaq::http dayaq::edge_replica dayaq::edge_engine
  PRIVATE_DEPS fmt::fmt
  TESTS settler_kill_test.cpp settler_test.cpp
  TEST_DEPS dayaq::test_support)
