FROM node:24-trixie-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json prisma.config.ts ./
COPY .ci/generate.mjs .ci/
COPY prisma prisma
COPY src src
RUN npm run build && npm prune --omit=dev
# Of 919 MB of modules 337 are needed here: the embedder runs on this platform's CPU, so the native libraries of the others
# and the browser's runtime go; migrations need no Prisma CLI, which npm keeps as an optional peer of the client.
RUN rm -rf node_modules/onnxruntime-web node_modules/prisma node_modules/typescript node_modules/effect \
           node_modules/@prisma/config node_modules/@prisma/dev node_modules/@prisma/engines node_modules/@prisma/studio-core \
 && arch="$(node -p process.arch)" \
 && find node_modules/onnxruntime-node/bin -mindepth 2 -maxdepth 2 -type d ! -name linux -exec rm -rf {} + \
 && find node_modules/onnxruntime-node/bin -mindepth 3 -maxdepth 3 -type d ! -name "$arch" -exec rm -rf {} +

FROM node:24-trixie-slim
# pg_dump and pg_restore, for the backup before a migration: Debian 13's are 17, and serve PostgreSQL 17 and older.
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV HOST=0.0.0.0 DATA_DIR=/data ORT_DISABLE_TELEMETRY=1
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY prisma/migrations prisma/migrations
RUN install -d -o node -g node -m 0700 /data
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT ?? 3000}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/main.js"]
