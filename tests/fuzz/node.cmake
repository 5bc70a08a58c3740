cl_fuzz_target(fuzz_node_config LIBS cl_node)
target_include_directories(fuzz_node_config PRIVATE ${CMAKE_SOURCE_DIR}/runtime/node)
cl_fuzz_target(fuzz_node_journal LIBS cl_node)
target_include_directories(fuzz_node_journal PRIVATE ${CMAKE_SOURCE_DIR}/runtime/node)
