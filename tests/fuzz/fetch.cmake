foreach(target hosts_toml docker_config registry_auth)
    cl_fuzz_target(fuzz_${target} LIBS cl_fetch)
endforeach()
