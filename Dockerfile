# Collector and enricher, an image each:
#
#   docker build --target collector -t goflow2plus .
#   docker build --target enricher -t enricher .
#
# Both install the Debian package that the first stage makes: what it depends on is all they hold.
ARG DEBIAN=debian:12.11-slim

FROM ${DEBIAN} AS build
WORKDIR /src
COPY scripts/lib/package.sh scripts/lib/
RUN . scripts/lib/package.sh && package_install $PACKAGES_TO_BUILD $PACKAGES_TO_PACK
COPY . .
RUN cmake --preset package && cmake --build --preset package -j "$(nproc)"

FROM ${DEBIAN} AS installed
COPY --from=build /src/build-package/goflow2plus_*.deb /tmp/
RUN apt-get update -q && apt-get install -y -q --no-install-recommends /tmp/*.deb && \
    rm -rf /tmp/*.deb /var/lib/apt/lists/* && \
    useradd --system --uid 10001 --user-group --home-dir /nonexistent flow && \
    install -d -o flow -g flow /var/lib/goflow2plus /var/lib/enricher
USER 10001:10001

FROM installed AS collector
WORKDIR /var/lib/goflow2plus
VOLUME /var/lib/goflow2plus
EXPOSE 2055/udp 6343/udp 8080/tcp
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["goflow2plus", "-health"]
ENTRYPOINT ["goflow2plus"]

# Reads flows from stdin, or from NATS with -source=nats. Serves its health where ENRICHER_ADDR says.
FROM installed AS enricher
ENV ENRICHER_ADDR=:8080
WORKDIR /var/lib/enricher
VOLUME /var/lib/enricher
EXPOSE 8080/tcp
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["enricher", "-health"]
ENTRYPOINT ["enricher"]
