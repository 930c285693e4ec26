# -DSANITIZE=address,undefined or -DSANITIZE=thread: every target is built with it.
set(SANITIZE "" CACHE STRING "sanitizers to build with: address,undefined or thread")
if(SANITIZE)
    add_compile_options(-fsanitize=${SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${SANITIZE})
endif()
