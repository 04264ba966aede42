dayaq_module(NAME edge_replica ROOM edge
  SOURCES types.cpp
  HEADERS types.hpp replica.hpp
  DEPS dayaq::base dayaq::crypto dayaq::feed
  TESTS types_test.cpp)
