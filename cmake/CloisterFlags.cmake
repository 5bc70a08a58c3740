# Compiler and linker flags of every target, and the functions that declare targets and tests.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

set(CL_SANITIZE "" CACHE STRING "build with these sanitizers: address;undefined or thread")
option(CL_FUZZ "build libFuzzer targets (needs clang)" OFF)
set(CL_FUZZ_SECONDS 15 CACHE STRING "how long each target runs in the tests of a CL_FUZZ build")
option(CL_COVERAGE "instrument for gcov" OFF)

add_library(cl_flags INTERFACE)
target_compile_options(cl_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
    -Wformat=2 -Wcast-qual -Wwrite-strings -Werror -fno-common
    # gcc's versions of the first four understand va_list functions, system macros, designated initialisers and assert(!"words");
    # the last is about KVM's own structs, whose array at the end we give a size.
    "$<$<C_COMPILER_ID:Clang>:-Wno-format-nonliteral;-Wno-cast-qual;-Wno-missing-field-initializers;-Wno-string-conversion>"
    "$<$<C_COMPILER_ID:Clang>:-Wno-gnu-variable-sized-type-not-at-end>")
target_compile_definitions(cl_flags INTERFACE _GNU_SOURCE CL_VERSION="${PROJECT_VERSION}")
if(CMAKE_BUILD_TYPE MATCHES "Rel")
    target_compile_options(cl_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)
    target_link_options(cl_flags INTERFACE -Wl,-z,relro,-z,now -Wl,-z,noexecstack)
endif()
if(CL_SANITIZE)
    string(REPLACE ";" "," cl_san "${CL_SANITIZE}")
    # The instrumentation makes gcc see paths that are not there; its warnings count in the other builds.
    target_compile_options(cl_flags INTERFACE -fsanitize=${cl_san} -fno-sanitize-recover=all -fno-omit-frame-pointer -Wno-error)
    target_link_options(cl_flags INTERFACE -fsanitize=${cl_san})
endif()
if(CL_FUZZ)
    target_compile_options(cl_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
    target_link_options(cl_flags INTERFACE -fsanitize=address,undefined)
endif()
if(CL_COVERAGE)
    target_compile_options(cl_flags INTERFACE --coverage)
    target_link_options(cl_flags INTERFACE --coverage)
endif()

# cl_unit_test(NAME SOURCES... LIBS ...): a Check program tests/unit/NAME.c, with label "unit".
function(cl_unit_test name)
    cmake_parse_arguments(T "" "" "SOURCES;LIBS" ${ARGN})
    add_executable(${name} ${name}.c ${T_SOURCES})
    target_link_libraries(${name} PRIVATE cl_flags PkgConfig::CHECK ${T_LIBS})
    add_test(NAME unit.${name} COMMAND ${name})
    # Check's own limit of 4 s a test is too short under a sanitizer on a busy machine; a hang is still ended, by ctest at the latest.
    set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 300 ENVIRONMENT CK_DEFAULT_TIMEOUT=120)
    if(CL_SANITIZE)
        set_tests_properties(unit.${name} PROPERTIES TIMEOUT 1200 ENVIRONMENT "CK_DEFAULT_TIMEOUT=120;CK_TIMEOUT_MULTIPLIER=5")
    endif()
endfunction()

# cl_fuzz_target(NAME LIBS ...): tests/fuzz/NAME.c with its seeds in tests/fuzz/corpus/NAME. In a CL_FUZZ build it is a libFuzzer program,
# which its test (label "fuzz") runs for CL_FUZZ_SECONDS, keeping what it finds in the build directory; in every other build it is linked
# with a main() that runs the seed corpus once, and that run is the test.
add_custom_target(fuzzers) # all of them, and nothing else
function(cl_fuzz_target name)
    cmake_parse_arguments(T "" "" "SOURCES;LIBS" ${ARGN})
    add_executable(${name} ${name}.c ${T_SOURCES})
    target_link_libraries(${name} PRIVATE cl_flags ${T_LIBS})
    add_dependencies(fuzzers ${name})
    if(CL_FUZZ)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        set(found ${CMAKE_BINARY_DIR}/fuzz/${name})
        file(MAKE_DIRECTORY ${found})
        math(EXPR limit "${CL_FUZZ_SECONDS} + 120")
        add_test(NAME fuzz.${name} WORKING_DIRECTORY ${found}
            COMMAND ${name} -max_total_time=${CL_FUZZ_SECONDS} -timeout=20 -rss_limit_mb=2048 -print_final_stats=1
                    -artifact_prefix=${found}/ ${found} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
        set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT ${limit})
    else()
        target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/run_corpus.c)
        add_test(NAME fuzz.${name} COMMAND ${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
        set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 120)
    endif()
endfunction()
