# Warnings are errors, with both compilers. Generated code (proto/) is built without them.
add_library(house_rules INTERFACE)
target_compile_options(house_rules INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes
    -Wswitch-enum -Wpointer-arith -Wwrite-strings -Wformat=2 -Werror)
target_compile_definitions(house_rules INTERFACE _GNU_SOURCE)
target_include_directories(house_rules INTERFACE ${CMAKE_SOURCE_DIR})
