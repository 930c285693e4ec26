# -DSANITIZE=address,undefined or -DSANITIZE=thread: every target is built with it.
set(SANITIZE "" CACHE STRING "sanitizers to build with: address,undefined or thread")
if(SANITIZE)
    add_compile_options(-fsanitize=${SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${SANITIZE})
endif()

# -DFUZZ=ON: the fuzzers of tests/fuzz are linked with clang's libFuzzer; scripts/fuzz does it.
option(FUZZ "build the fuzzers with libFuzzer (clang only)" OFF)
if(FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer
        -fno-sanitize-recover=all)
    add_link_options(-fsanitize=address,undefined)
endif()
