# Headend in a container: the gateway, its embedded PostgreSQL and ffmpeg, without root.
#
#     docker build -t headend .
#     docker run -p 8080:8080 -p 1935:1935 -v headend:/data -e PUBLIC_URL=http://my-host:8080 headend
#
# Debian 13: its ffmpeg (7.1) reads enhanced RTMP. Not Alpine: the embedded PostgreSQL is linked against glibc.

FROM node:24-trixie-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY src src
COPY scripts scripts
COPY test test
RUN npm run build && rm -rf .build/test .build/tsconfig.tsbuildinfo

FROM node:24-trixie-slim
# curl is not needed: the health check speaks through Node. tini reaps what ffmpeg might orphan and passes signals on.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg tini \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev && npm cache clean --force
COPY LICENSE ./
COPY migrations migrations
COPY --from=build /app/.build .build

# The embedded PostgreSQL refuses to run as root, and nothing else here needs it: ports are above 1024.
RUN install -d -o node -g node -m 0700 /data
USER node
ENV NODE_ENV=production DATA_DIR=/data
VOLUME /data
# Pages, API and HLS; RTMP. RTMPS has whatever port RTMPS_PORT says.
EXPOSE 8080 1935 8189/udp
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.HTTP_PORT || 8080}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Behind nginx in another container: TRUST_PROXY takes its address or network as this container sees it (172.16.0.0/12).
STOPSIGNAL SIGTERM
# The supervisor starts the gateway again when it hangs or crashes.
ENTRYPOINT ["tini", "--", "node", "--enable-source-maps", ".build/src/supervisor.js"]
