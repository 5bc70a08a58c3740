# Tests that need a real /dev/kvm. One lab session serves them all: the fixture boots it before the first and ends it after the last.
# Where the machine has hardware KVM the session runs them directly (tests/lab/README.md).
set(CL_LAB_SESSION ${CMAKE_BINARY_DIR}/lab-session)

# cl_lab_host_test(NAME COMMAND ... [TIMEOUT n] [LONG]): runs on the machine, with the session's directory in $CLOISTER_LAB_SESSION.
function(cl_lab_host_test name)
    cmake_parse_arguments(T "LONG" "TIMEOUT" "COMMAND" ${ARGN})
    if(NOT T_TIMEOUT)
        set(T_TIMEOUT 300)
    endif()
    add_test(NAME lab.${name} COMMAND ${T_COMMAND})
    set(labels lab)
    if(T_LONG)
        list(APPEND labels long)
    endif()
    set_tests_properties(lab.${name} PROPERTIES LABELS "${labels}" TIMEOUT ${T_TIMEOUT} FIXTURES_REQUIRED lab
        RESOURCE_LOCK lab ENVIRONMENT "CLOISTER_LAB_SESSION=${CL_LAB_SESSION}")
endfunction()

# cl_lab_test(NAME COMMAND ... [TIMEOUT n] [LONG]): runs in the lab as root. COMMAND may name a target; TIMEOUT (seconds, default 300)
# ends the command, and the test then fails. LONG: only with --long. Files left in $LAB_RESULTS stay in build/<preset>/lab-results/NAME.
function(cl_lab_test name)
    cmake_parse_arguments(T "LONG" "TIMEOUT" "COMMAND" ${ARGN})
    if(NOT T_TIMEOUT)
        set(T_TIMEOUT 300)
    endif()
    list(POP_FRONT T_COMMAND program)
    if(TARGET ${program})
        set(program $<TARGET_FILE:${program}>)
    endif()
    math(EXPR outer "${T_TIMEOUT} + 120")
    set(long "")
    if(T_LONG)
        set(long LONG)
    endif()
    cl_lab_host_test(${name} ${long} TIMEOUT ${outer}
        COMMAND ${CMAKE_SOURCE_DIR}/tests/lab/session exec --timeout ${T_TIMEOUT} --cwd ${CMAKE_CURRENT_SOURCE_DIR}
                --results ${CMAKE_BINARY_DIR}/lab-results/${name} ${CL_LAB_SESSION} -- ${program} ${T_COMMAND})
endfunction()
