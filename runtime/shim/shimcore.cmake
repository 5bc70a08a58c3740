# The pod: its VM, containers, processes and their streams; what the Task service is served with.
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
target_sources(cl_shim PRIVATE agent.c cgroup.c config.c create.c delete.c exec.c fetch.c forward.c images_containerd.c images_signatures.c initdata.c logger.c network.c pod.c pod_service.c process.c refresh.c sizing.c streams.c
               task.c block.c unused.c vm_host.c volume.c)
target_link_libraries(cl_shim PUBLIC cl_oci cl_host cl_podnet cl_shim_files cl_shim_translate PRIVATE cl_attestation cl_containerd cl_image PkgConfig::ZLIB Threads::Threads)
