#!/usr/bin/env bash
# Makes what the Compose files need beside the image, in a folder (secrets, beside this script, if none is named):
# an authority of your own with certificates for siegel, postgres and store, passwords, and the data directories of
# the nodes. What is there already stays as it is. Run it as root: containers run as accounts of their own.
#
#	deploy/container/secrets.sh [FOLDER]
set -euo pipefail
umask 077
out=${1:-$(dirname "$0")/secrets}
mkdir -p "$out"
cd "$out"
siegel=10001   # the account in our image
postgres=999   # the account in PostgreSQL's image

password() { openssl rand -hex 24; }

[ -f ca.key ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
	-subj "/CN=Siegel containers" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
	-keyout ca.key -out ca.pem 2>/dev/null
for name in siegel postgres store; do
	[ -f "$name.key" ] && continue
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$name.key" -out "$name.csr" 2>/dev/null
	openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -out "$name.pem" 2>/dev/null \
		-extfile <(printf 'subjectAltName=DNS:%s,DNS:localhost\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' "$name")
	rm "$name.csr"
done
[ -f postgres.password ] || password >postgres.password
[ -f s3.secret ] || password >s3.secret
[ -f postgres.address ] ||
	printf 'postgres://siegel:%s@postgres/siegel?sslmode=verify-full&sslrootcert=/secrets/ca.pem\n' "$(cat postgres.password)" >postgres.address
[ -f store.env ] || printf 'ROOT_ACCESS_KEY=siegel\nROOT_SECRET_KEY=%s\n' "$(cat s3.secret)" >store.env

chmod 0644 ca.pem siegel.pem postgres.pem store.pem
mkdir -p a b meta objects/siegel # objects/siegel is the bucket
if [ "$(id -u)" -eq 0 ]; then
	chmod 0711 .
	chown $siegel:$siegel siegel.key s3.secret postgres.address a b
	chown $postgres:$postgres postgres.key postgres.password
fi
echo "secrets: $out has what the Compose files name; keep ca.key apart"
