#!/bin/sh
# Builds `built/` (GraphiQL, Swagger UI) from the npm packages that `source/package-lock.json` pins. Needs node and npm.
set -eu
page=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Built elsewhere, so that no node_modules folder ever lies in the package, where a wheel would pick it up.
cp -R "$page/source/." "$work"
cd "$work"
npm ci --loglevel=error
npm run build -- --outDir built/graphiql
# Stored compressed: a third of the size for the repository's reader, the wheel and the browser. -n: the same bytes each time.
gzip -9nr built/graphiql/assets

swagger=node_modules/swagger-ui-dist
mkdir -p built/swagger-ui/assets
cp "$swagger/LICENSE" "$swagger/NOTICE" "$swagger/swagger-ui-bundle.js.LICENSE.txt" built/swagger-ui
for file in swagger-ui-bundle.js swagger-ui.css favicon-32x32.png; do
    # The source maps that the files name are not served.
    LC_ALL=C sed '/^\/[/*]# sourceMappingURL=/d' "$swagger/$file" | gzip -9n >"built/swagger-ui/assets/$file.gz"
done

rm -rf "$page/built"
mv built "$page/built"
