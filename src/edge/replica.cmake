dayaq_module(NAME edge_replica ROOM edge
  SOURCES types.cpp replica.cpp replica_disk.cpp replica_image.cpp replica_load.cpp replica_map.cpp replica_measures.cpp
    replica_read.cpp
  HEADERS types.hpp replica.hpp
  DEPS dayaq::base dayaq::crypto dayaq::feed
  TESTS types_test.cpp replica_test.cpp replica_model_test.cpp)
