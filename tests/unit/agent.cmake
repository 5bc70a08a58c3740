cl_unit_test(test_ttrpc LIBS cl_rpc)
cl_unit_test(test_agent_rpc LIBS cl_rpc)
cl_unit_test(test_agent_unpack LIBS cl_agent_core)
