# Node set-up (runtime/node).
foreach(test install kills config journal)
    cl_unit_test(test_node_${test} SOURCES node_world.c LIBS cl_node)
    target_include_directories(test_node_${test} PRIVATE ${CMAKE_SOURCE_DIR}/runtime/node ${CMAKE_SOURCE_DIR}/runtime)
endforeach()
cl_unit_test(test_node_deploy LIBS cl_node cl_yaml cl_shim)
target_include_directories(test_node_deploy PRIVATE ${CMAKE_SOURCE_DIR}/runtime/node ${CMAKE_SOURCE_DIR}/runtime)
target_compile_definitions(test_node_deploy PRIVATE DEPLOY="${CMAKE_SOURCE_DIR}/deploy")
