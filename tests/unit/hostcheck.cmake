# What a host can run (runtime/hostcheck).
cl_unit_test(test_hostcheck LIBS cl_hostcheck)
target_include_directories(test_hostcheck PRIVATE ${CMAKE_SOURCE_DIR}/runtime/hostcheck)
target_compile_definitions(test_hostcheck PRIVATE HOSTS="${CMAKE_SOURCE_DIR}/tests/vectors/host")
add_test(NAME unit.host_forms COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/host_forms ${CMAKE_BINARY_DIR}/bin ${CMAKE_SOURCE_DIR}/tests/vectors/host)
set_tests_properties(unit.host_forms PROPERTIES LABELS unit TIMEOUT 60)
