# The image of both processes; helm/fairlead expects it.
FROM node:24-trixie-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build -- /app

FROM node:24-trixie-slim
# Forwarding gives its rules to the kernel through nft.
RUN apt-get update \
  && apt-get install -y --no-install-recommends nftables \
  && rm -rf /var/lib/apt/lists/*
COPY --from=build /app /app
# For people: kubectl exec POD -- fairlead status. The processes start themselves anew with flags of node, in place.
RUN printf '#!/bin/sh\nexec node /app/cli/main.js "$@"\n' > /usr/local/bin/fairlead \
  && chmod 755 /usr/local/bin/fairlead
# There are no types to strip, and nowhere to write.
ENV NODE_ENV=production NODE_DISABLE_COMPILE_CACHE=1
# The controller's; the chart gives the speaker root, which it needs for its sockets.
USER 65534:65534
ENTRYPOINT ["fairlead"]
