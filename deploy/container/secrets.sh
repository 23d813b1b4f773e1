#!/usr/bin/env bash
# Makes what the Compose files need beside the image, in a folder (secrets, beside this script, if none is named):
# an authority of your own with certificates for siegel, postgres and store, passwords, and the data directories of
# the nodes. Siegel's certificate is also for the name by which mail servers connect (archive.example.org, as in the
# configurations, if none is named). What is there already stays as it is, and what an interrupted run left half made
# is made anew. Run it as root: containers run as accounts of their own.
#
#	deploy/container/secrets.sh [FOLDER [NAME]]
set -euo pipefail
umask 077
out=${1:-$(dirname "$0")/secrets}
host=${2:-archive.example.org}
mkdir -p "$out"
cd "$out"
siegel=10001   # the account in our image
postgres=999   # the account in PostgreSQL's image

password() { openssl rand -hex 24; }

# place puts the new files of these names where they belong, whole. The last is the one that is looked for: once it
# is there, so are the others.
place() {
	sync -- "${@/%/.new}"
	for file; do mv -f -- "$file.new" "$file"; done
	sync -- "$@" .
}

case $host in '' | *[!A-Za-z0-9.-]*) echo "secrets: $host is no name of a host" >&2 && exit 1 ;; esac
if [ ! -f ca.pem ]; then
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
		-subj "/CN=Siegel containers" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
		-keyout ca.key.new -out ca.pem.new 2>/dev/null
	place ca.key ca.pem
fi
for name in siegel postgres store; do
	[ -f "$name.key" ] && [ -f "$name.pem" ] && continue
	[ -f ca.key ] || { echo "secrets: $name.pem has to be made: put ca.key back for it" >&2 && exit 1; }
	names="DNS:$name,DNS:localhost"
	[ "$name" = siegel ] && names="$names,DNS:$host"
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$name.key.new" -out "$name.csr" 2>/dev/null
	openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 -out "$name.pem.new" 2>/dev/null \
		-extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' "$names")
	rm "$name.csr"
	place "$name.key" "$name.pem"
done
for name in postgres.password s3.secret; do
	[ -f "$name" ] && continue
	password >"$name.new"
	place "$name"
done
if [ ! -f postgres.address ]; then
	printf 'postgres://siegel:%s@postgres/siegel?sslmode=verify-full&sslrootcert=/secrets/ca.pem\n' "$(cat postgres.password)" >postgres.address.new
	place postgres.address
fi
if [ ! -f store.env ]; then
	printf 'ROOT_ACCESS_KEY=siegel\nROOT_SECRET_KEY=%s\n' "$(cat s3.secret)" >store.env.new
	place store.env
fi

chmod 0644 ca.pem siegel.pem postgres.pem store.pem
mkdir -p a b meta objects/siegel # objects/siegel is the bucket
if [ "$(id -u)" -eq 0 ]; then
	chmod 0711 .
	chown $siegel:$siegel siegel.key s3.secret postgres.address a b
	chown $postgres:$postgres postgres.key postgres.password
fi
openssl x509 -in siegel.pem -noout -checkhost "$host" | grep -q "does match" ||
	echo "secrets: siegel.pem is not for $host: remove it to have one made" >&2
echo "secrets: $out has what the Compose files name; keep ca.key apart"
