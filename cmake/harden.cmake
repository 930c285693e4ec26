# What daemons are built with that strangers can send to. On unless it is switched off; a sanitizer,
# a fuzzer and a build without optimisation do without what does not go together with them.
option(HARDEN "PIE, full RELRO, stack protector, fortified calls, control flow protection" ON)

include(CheckCCompilerFlag)
include(CheckCSourceCompiles)

# Adds the flag where the compiler has it.
function(harden_compile flag)
    string(MAKE_C_IDENTIFIER "HARDEN_HAS${flag}" has)
    check_c_compiler_flag(${flag} ${has})
    if(${has})
        add_compile_options(${flag})
    endif()
endfunction()

# The highest level that the compiler and the C library have; they take it with optimisation only.
function(harden_fortify)
    foreach(level 3 2)
        set(CMAKE_REQUIRED_FLAGS "-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${level}")
        check_c_source_compiles("#include <string.h>
            _Static_assert(__USE_FORTIFY_LEVEL >= ${level}, \"level\");
            int main(void) { return 0; }" HARDEN_HAS_FORTIFY_${level})
        if(HARDEN_HAS_FORTIFY_${level})
            add_compile_options($<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE>
                $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=${level}>)
            return()
        endif()
    endforeach()
endfunction()

# Intel's CET is in force only where the C library's start files have it too (not in Debian 12):
# elsewhere its instructions would cost something for nothing.
function(harden_control_flow)
    set(CMAKE_REQUIRED_FLAGS -fcf-protection=full)
    set(CMAKE_REQUIRED_LINK_OPTIONS -Wl,-z,cet-report=error)
    check_c_source_compiles("int main(void) { return 0; }" HARDEN_HAS_CET)
    if(HARDEN_HAS_CET)
        add_compile_options(-fcf-protection=full)
    endif()
endfunction()

if(HARDEN AND NOT SANITIZE AND NOT FUZZ)
    harden_compile(-fstack-protector-strong)
    harden_compile(-fstack-clash-protection)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|i.86)$")
        harden_control_flow()
    elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
        harden_compile(-mbranch-protection=standard)
    endif()
    harden_fortify()
    add_compile_options($<$<NOT:$<BOOL:$<TARGET_PROPERTY:POSITION_INDEPENDENT_CODE>>>:-fPIE>)
    add_link_options($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie>
        -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()
