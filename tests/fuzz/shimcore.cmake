cl_fuzz_target(fuzz_shim_agent LIBS cl_shim)
