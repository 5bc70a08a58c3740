# The ttrpc endpoint, the Task server, events, and the commands start, delete and -info.
find_program(PROTOC_C protoc-c REQUIRED)
set(shim_generated)
foreach(proto wellknown mount task events bootstrap runtimeinfo)
    set(out ${CMAKE_CURRENT_BINARY_DIR}/${proto}.pb-c)
    add_custom_command(
        OUTPUT ${out}.c ${out}.h
        COMMAND ${PROTOC_C} --c_out=${CMAKE_CURRENT_BINARY_DIR} -I${CMAKE_CURRENT_SOURCE_DIR} ${proto}.proto
        WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
        DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${proto}.proto
        VERBATIM)
    list(APPEND shim_generated ${out}.c ${out}.h)
    set_source_files_properties(${out}.c PROPERTIES COMPILE_OPTIONS "-w") # the generated code is not ours to mend
endforeach()
add_custom_target(cl_shim_messages DEPENDS ${shim_generated})

target_sources(cl_shim PRIVATE answer.c args.c cmd_delete.c cmd_info.c cmd_start.c daemon.c events.c group.c leftovers.c logfifo.c pb.c publish.c publish_exec.c rpc.c
               rpc_calls.c service.c ${shim_generated})

add_executable(containerd-shim-cloister-v2 main.c)
target_link_libraries(containerd-shim-cloister-v2 PRIVATE cl_flags cl_shim)
