cl_fuzz_target(fuzz_yaml LIBS cl_yaml)
cl_fuzz_target(fuzz_frompod LIBS cl_policy_cmd)
