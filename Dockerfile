# syntax=docker/dockerfile:1

# The image holds the binary, the certificates of the public authorities, and a configuration to be replaced. Nothing in it runs as root.
#
#   docker build --build-arg VERSION=1.2.3 -t usher .
#   docker run -p 8080:8080 -v ./usher.yaml:/etc/usher/usher.yaml:ro -v usher-data:/var/lib/usher usher

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev TARGETOS TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o /out/usher ./cmd/usher
RUN mkdir -p /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/usher /usr/local/bin/usher
COPY LICENSE THIRD_PARTY_LICENSES /usr/share/doc/usher/
COPY <<'EOF' /etc/usher/usher.yaml
listen: :8080
routes:
  - name: unconfigured
    respond: {status: 503, body: "Usher runs. Its configuration is missing: mount one at /etc/usher/usher.yaml.\n"}
EOF
# Generated secrets are kept here: data_dir is ./usher-data unless the configuration names another.
COPY --from=build --chown=65532:65532 /out/data /var/lib/usher
USER 65532:65532
WORKDIR /var/lib/usher
VOLUME /var/lib/usher
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/local/bin/usher", "healthcheck", "-c", "/etc/usher/usher.yaml"]
ENTRYPOINT ["/usr/local/bin/usher"]
CMD ["run", "-c", "/etc/usher/usher.yaml"]
