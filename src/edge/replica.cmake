dayaq_module(NAME edge_replica ROOM edge
  SOURCES types.cpp centre_access.cpp centre_keys.cpp follower.cpp resource_list.cpp replica.cpp replica_disk.cpp replica_image.cpp replica_load.cpp replica_map.cpp
    replica_measures.cpp replica_read.cpp
  HEADERS types.hpp centre_access.hpp centre_keys.hpp replica.hpp follower.hpp resource_list.hpp
  DEPS dayaq::base dayaq::crypto dayaq::feed dayaq::http
  TESTS types_test.cpp replica_test.cpp replica_disk_test.cpp replica_model_test.cpp centre_access_test.cpp centre_keys_test.cpp follower_test.cpp resource_list_test.cpp)
