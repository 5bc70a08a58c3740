cl_fuzz_target(fuzz_ttrpc LIBS cl_rpc)
cl_fuzz_target(fuzz_agent_client LIBS cl_rpc)
