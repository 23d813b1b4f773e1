// Package deploy checks what lies in deploy: the unit with systemd's own judge, the
// image by running its contents in a root of their own, certificates with openssl,
// configurations with Siegel.
package deploy
