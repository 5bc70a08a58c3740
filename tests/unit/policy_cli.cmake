cl_unit_test(test_yaml_tree LIBS cl_yaml)
