# The Debian packages, of programs and library, of a build for /usr:
#
#   cmake --preset package && cmake --build --preset package
#
# Depends comes from dpkg-shlibdeps. Nothing is started at installation: what a collector listens to
# is the administrator's choice.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR ${PROJECT_NAME})
set(CPACK_PACKAGE_CONTACT "goflow2plus maintainers <maintainers@goflow2plus.invalid>")
set(CPACK_STRIP_FILES ON)
# The daemons alone: the library is for who builds with it.
# Asked for by name, since CPack takes the default component for one that nobody named.
set(CPACK_INSTALL_CMAKE_PROJECTS "${CMAKE_BINARY_DIR};${PROJECT_NAME};Unspecified;/")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR})
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
    GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEB_COMPONENT_INSTALL ON)
# Asked for by name, since CPack takes the default component for one that nobody named.
set(CPACK_INSTALL_CMAKE_PROJECTS ${CMAKE_BINARY_DIR} ${PROJECT_NAME} ALL /)
set(CPACK_COMPONENTS_ALL programs devel)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_PROGRAMS_PACKAGE_NAME goflow2plus)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PROGRAMS_DESCRIPTION "collector of NetFlow, IPFIX and sFlow, and enricher
goflow2plus receives NetFlow v5, NetFlow v9, IPFIX and sFlow v5 over UDP,
or reads them from captures, and writes flows as protobuf, JSON or text.
.
enricher adds the networks that addresses belong to, their autonomous
systems and their countries.")
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SUGGESTS logrotate)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_CONTROL_EXTRA
    ${CMAKE_CURRENT_LIST_DIR}/debian/conffiles
    ${CMAKE_CURRENT_LIST_DIR}/debian/postinst
    ${CMAKE_CURRENT_LIST_DIR}/debian/prerm
    ${CMAKE_CURRENT_LIST_DIR}/debian/postrm)

set(CPACK_DEBIAN_DEVEL_PACKAGE_NAME libgoflow2plus-dev)
set(CPACK_DEBIAN_DEVEL_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVEL_DESCRIPTION "decoders of NetFlow, IPFIX and sFlow, as a library
The static library and headers of what goflow2plus decodes with: datagrams
in, flows out, without sockets, files or threads.")
set(CPACK_DEBIAN_DEVEL_PACKAGE_DEPENDS "libc6-dev, libyaml-dev")

install(FILES debian/goflow2plus.default DESTINATION /etc/default RENAME goflow2plus)
install(FILES debian/enricher.default DESTINATION /etc/default RENAME enricher)
install(FILES debian/goflow2plus.logrotate DESTINATION /etc/logrotate.d RENAME goflow2plus)
install(FILES debian/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES debian/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libgoflow2plus-dev
    COMPONENT devel)

string(TIMESTAMP changelog_date "%a, %d %b %Y %H:%M:%S +0000" UTC)
configure_file(debian/changelog.in changelog @ONLY)
add_custom_command(OUTPUT changelog.gz
    COMMAND ${GZIP} -9nkf changelog
    DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/changelog VERBATIM)
add_custom_target(changelog ALL DEPENDS changelog.gz)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libgoflow2plus-dev COMPONENT devel)

include(CPack)
