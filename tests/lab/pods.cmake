# Pods (tests/lab/pods/README.md): containers and CRI pods through Debian's containerd. Each test runs with runc, the control, and where the shim
# is built with ours. pods_setup makes the images on the machine.
set(pods ${CMAKE_CURRENT_SOURCE_DIR}/pods)
add_executable(pods_pause pods/pause.c)
target_link_libraries(pods_pause PRIVATE cl_flags)
target_link_options(pods_pause PRIVATE -static)
set(CL_PODS_SETUP ${CMAKE_BINARY_DIR}/lab-pods)
add_test(NAME lab.pods_setup COMMAND ${pods}/pods_setup $<TARGET_FILE:pods_pause> $<TARGET_FILE:cloister-sim-psp> ${CL_PODS_SETUP})
set_tests_properties(lab.pods_setup PROPERTIES LABELS lab TIMEOUT 120 FIXTURES_SETUP pods_setup SKIP_RETURN_CODE 77)

# cl_pods_test(NAME PROGRAM [TIMEOUT n] [LONG] [ARGS ...]): tests/lab/pods/PROGRAM with each runtime. Where the shim is built, the control belongs to the
# long tier: minutes are scarce in the lab.
function(cl_pods_test name program)
    cmake_parse_arguments(T "LONG" "TIMEOUT" "ARGS" ${ARGN})
    set(long_cloister-sim ${T_LONG})
    set(long_runc ${T_LONG})
    set(runtimes runc)
    if(TARGET containerd-shim-cloister-v2)
        list(APPEND runtimes cloister-sim)
        set(long_runc TRUE)
    endif()
    foreach(runtime ${runtimes})
        set(long "")
        if(long_${runtime})
            set(long LONG)
        endif()
        cl_lab_test(pods_${name}_${runtime} ${long} TIMEOUT ${T_TIMEOUT}
            COMMAND ${pods}/${program} ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/guest ${CL_PODS_SETUP} ${runtime} ${T_ARGS})
        set_tests_properties(lab.pods_${name}_${runtime} PROPERTIES SKIP_RETURN_CODE 77 FIXTURES_REQUIRED "lab;pods_setup")
    endforeach()
endfunction()

# The tests' own client of the CRI.
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
set(cri ${CMAKE_CURRENT_BINARY_DIR}/cri.pb-c)
add_custom_command(
    OUTPUT ${cri}.c ${cri}.h
    COMMAND ${PROTOC_C} --c_out=${CMAKE_CURRENT_BINARY_DIR} -I${pods} cri.proto
    DEPENDS ${pods}/cri.proto
    VERBATIM)
add_executable(cri_client pods/cri_client.c pods/cri_json.c ${cri}.c ${cri}.h)
set_source_files_properties(${cri}.c PROPERTIES COMPILE_OPTIONS "-w")
target_include_directories(cri_client PRIVATE ${pods})
target_include_directories(cri_client SYSTEM PRIVATE ${CMAKE_CURRENT_BINARY_DIR}) # not ours to mend
target_compile_options(cri_client PRIVATE -Ulinux) # a macro of GNU C, and a member of messages
target_link_libraries(cri_client PRIVATE cl_flags cl_base cl_grpc PkgConfig::PROTOBUF_C)
add_executable(cri_stream pods/cri_stream.c)
target_link_libraries(cri_stream PRIVATE cl_flags cl_base)

cl_pods_test(ctr_run ctr_run TIMEOUT 300)
cl_pods_test(cri_pod cri_pod TIMEOUT 400)
if(TARGET containerd-shim-cloister-v2)
    cl_lab_test(pods_cri_policy TIMEOUT 400
        COMMAND ${pods}/cri_policy ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/guest ${CL_PODS_SETUP} cloister-sim)
    set_tests_properties(lab.pods_cri_policy PROPERTIES SKIP_RETURN_CODE 77 FIXTURES_REQUIRED "lab;pods_setup")
    include(${pods}/snapshotter.cmake)
    cl_pods_test(cri_many cri_many TIMEOUT 600 ARGS 10 3)
    cl_pods_test(cri_kills cri_kills TIMEOUT 400 ARGS 1 containerd-shim@running cloister-vmm@starting)
endif()

# Scratch disks: the agent's own code with a file for the host's disk; and a pod that has one.
if(TARGET cl_agent_core)
    add_executable(scratch_rig scratch_rig.c)
    target_include_directories(scratch_rig PRIVATE ${CMAKE_SOURCE_DIR}/guest-firmware/agent/core)
    target_link_libraries(scratch_rig PRIVATE cl_flags cl_agent_core)
    cl_lab_test(scratch LONG TIMEOUT 300 COMMAND ${pods}/scratch ${CMAKE_BINARY_DIR}/bin)
    set_tests_properties(lab.scratch PROPERTIES SKIP_RETURN_CODE 77)
endif()
if(TARGET containerd-shim-cloister-v2)
    cl_pods_test(cri_scratch cri_scratch LONG TIMEOUT 400)
    cl_pods_test(cri_scratch_attacks cri_scratch_attacks TIMEOUT 400)
    cl_pods_test(cri_block cri_block LONG TIMEOUT 600)
endif()

cl_pods_test(cri_many_long cri_many LONG TIMEOUT 7200 ARGS 200 8)
cl_pods_test(cri_kills_long cri_kills LONG TIMEOUT 7200 ARGS 3)

# Kubernetes' own tests of a CRI runtime, in portions; optional, as critest is no package here.
add_executable(critest_image pods/critest_image.c)
target_link_libraries(critest_image PRIVATE cl_flags)
target_link_options(critest_image PRIVATE -static)
set(CL_CRITEST ${CMAKE_BINARY_DIR}/lab-critest)
add_test(NAME lab.critest_setup COMMAND ${pods}/critest_setup $<TARGET_FILE:critest_image> ${CL_CRITEST})
set_tests_properties(lab.critest_setup PROPERTIES LABELS "lab;long" TIMEOUT 1800 FIXTURES_SETUP critest_setup SKIP_RETURN_CODE 77)
if(TARGET containerd-shim-cloister-v2)
    set(portions 6)
    foreach(n RANGE 1 ${portions})
        cl_lab_test(pods_critest_${n} LONG TIMEOUT 1500
            COMMAND ${pods}/critest ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/guest ${CL_PODS_SETUP} cloister-sim ${CL_CRITEST} ${n} ${portions})
        set_tests_properties(lab.pods_critest_${n} PROPERTIES SKIP_RETURN_CODE 77 FIXTURES_REQUIRED "lab;pods_setup;critest_setup")
    endforeach()
endif()

# Newer versions of containerd than Debian 12's; optional, where they can be had.
if(TARGET containerd-shim-cloister-v2)
    foreach(version trixie 2.1.8 2.3.7)
        set(folder ${CMAKE_BINARY_DIR}/lab-containerd-${version})
        add_test(NAME lab.containerd_setup_${version} COMMAND ${pods}/containerd_setup ${version} ${folder})
        set_tests_properties(lab.containerd_setup_${version} PROPERTIES LABELS "lab;long" TIMEOUT 1800 FIXTURES_SETUP containerd_${version} SKIP_RETURN_CODE 77)
        foreach(program ctr_run cri_pod)
            cl_lab_test(pods_${program}_containerd_${version} LONG TIMEOUT 900
                COMMAND /usr/bin/env PODS_NEWER=${folder} ${pods}/${program} ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/guest ${CL_PODS_SETUP} cloister-sim)
            set_tests_properties(lab.pods_${program}_containerd_${version} PROPERTIES SKIP_RETURN_CODE 77
                FIXTURES_REQUIRED "lab;pods_setup;containerd_${version}")
        endforeach()
    endforeach()
endif()
