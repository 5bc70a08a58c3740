# Pods (tests/lab/pods/README.md): containers and CRI pods through Debian's containerd. Each test runs with runc, the control, and where the shim
# is built with ours. pods_setup makes the images on the machine.
set(pods ${CMAKE_CURRENT_SOURCE_DIR}/pods)
add_executable(pods_pause pods/pause.c)
target_link_libraries(pods_pause PRIVATE cl_flags)
target_link_options(pods_pause PRIVATE -static)
set(CL_PODS_SETUP ${CMAKE_BINARY_DIR}/lab-pods)
add_test(NAME lab.pods_setup COMMAND ${pods}/pods_setup $<TARGET_FILE:pods_pause> ${CL_PODS_SETUP})
set_tests_properties(lab.pods_setup PROPERTIES LABELS lab TIMEOUT 120 FIXTURES_SETUP pods_setup SKIP_RETURN_CODE 77)

# cl_pods_test(NAME [TIMEOUT n]): tests/lab/pods/NAME with each runtime.
function(cl_pods_test name)
    cmake_parse_arguments(T "" "TIMEOUT" "" ${ARGN})
    set(runtimes runc)
    if(TARGET containerd-shim-cloister-v2)
        list(APPEND runtimes cloister-sim)
    endif()
    foreach(runtime ${runtimes})
        cl_lab_test(pods_${name}_${runtime} TIMEOUT ${T_TIMEOUT}
            COMMAND ${pods}/${name} ${CMAKE_BINARY_DIR}/bin ${CMAKE_BINARY_DIR}/guest ${CL_PODS_SETUP} ${runtime})
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

cl_pods_test(ctr_run TIMEOUT 300)
cl_pods_test(cri_pod TIMEOUT 400)
