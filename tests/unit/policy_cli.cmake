cl_unit_test(test_yaml_tree LIBS cl_yaml)
cl_unit_test(test_frompod LIBS cl_policy_cmd)
cl_unit_test(test_frompod_spec LIBS cl_policy_cmd)
target_compile_definitions(test_frompod_spec PRIVATE SHIM_VECTORS="${CMAKE_SOURCE_DIR}/tests/vectors/shim")
