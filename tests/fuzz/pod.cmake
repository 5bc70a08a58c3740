cl_fuzz_target(fuzz_podspec LIBS cl_agent_core)
cl_fuzz_target(fuzz_pod_calls LIBS cl_agent_pod)
