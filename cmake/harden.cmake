# What Debian compiles daemons with that strangers can send to: the preset `package` has it on.
option(HARDEN "stack protector, fortified calls, addresses bound at the start" OFF)
if(HARDEN)
    add_compile_options(-fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2)
    add_link_options(-Wl,-z,relro -Wl,-z,now)
endif()
