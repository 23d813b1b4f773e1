// Package config is what an operator may choose: the fields, their defaults, and
// every problem of a file at once. It is part of app, which alone reads it.
package config

import (
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/goccy/go-yaml"

	"siegel/internal/app/kept"
	"siegel/internal/app/settings"
	"siegel/internal/front/console"
)

// Default is the configuration with every field, its default and what it
// means, as `siegel config` prints it.
//
//go:embed siegel.yaml
var Default string

// Config is what an operator may choose; siegel.yaml documents each field.
// Secrets are always files, never values.
type Config struct {
	LMTP       LMTP          `yaml:"lmtp"`
	Journal    Journal       `yaml:"journal"`
	Database   kept.Database `yaml:"database"`
	Objects    kept.Store    `yaml:"objects"`
	TLS        TLS           `yaml:"tls"`
	Limits     Limits        `yaml:"limits"`
	Health     Health        `yaml:"health"`
	Web        Web           `yaml:"web"`
	Ledger     LedgerConf    `yaml:"ledger"`
	Timestamps Timestamps    `yaml:"timestamps"`
	Sessions   Sessions      `yaml:"sessions"`
	Log        LogConf       `yaml:"log"`
}

// LMTP is the door for mail.
type LMTP struct {
	Hostname string   `yaml:"hostname"`
	Listen   []string `yaml:"listen"`
	Sockets  []string `yaml:"sockets"`
}

// Journal is the door for mail servers that journal by SMTP. Without an address it
// is shut.
type Journal struct {
	Hostname  string   `yaml:"hostname"`
	Listen    []string `yaml:"listen"`
	ListenTLS []string `yaml:"listen_tls"`
}

// TLS names certificate and key.
type TLS struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

// Limits bounds what clients may cost.
type Limits struct {
	MessageBytes      int64         `yaml:"message_bytes"`
	Recipients        int           `yaml:"recipients"`
	Connections       int           `yaml:"connections"`
	ConnectionsByPeer int           `yaml:"connections_by_peer"`
	MessagesByMinute  int           `yaml:"messages_by_peer_and_minute"`
	Idle              time.Duration `yaml:"idle"`
	MemoryBytes       int64         `yaml:"memory_bytes"`
	ExportMessages    int64         `yaml:"export_messages"`
	ExportBytes       int64         `yaml:"export_bytes"`
}

// Health is the door at which load balancers and monitors ask.
type Health struct {
	Listen string        `yaml:"listen"`
	Drain  time.Duration `yaml:"drain"`
}

// Web is the door for people in browsers.
type Web struct {
	Listen string `yaml:"listen"`
	URL    string `yaml:"url"`
	// Proxies are networks (CIDR, or one address) of proxies in front, whose X-Forwarded-For
	// says where somebody comes from; from others it says nothing.
	Proxies []string `yaml:"proxies"`
	// SecurityContact is the address that /.well-known/security.txt names; empty for
	// security@ the host.
	SecurityContact string `yaml:"security_contact"`
}

// LedgerConf says how often checkpoints are signed.
type LedgerConf struct {
	CheckpointEvery time.Duration `yaml:"checkpoint_every"`
}

// Timestamps names the RFC 3161 authority.
type Timestamps struct {
	URL   string `yaml:"url"`
	Roots string `yaml:"roots"`
}

// Sessions bounds what open sessions may cost.
type Sessions struct {
	Open        int `yaml:"open"`
	Browsers    int `yaml:"browsers"`
	Derivations int `yaml:"derivations"`
}

// LogConf says what is logged.
type LogConf struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// TestAuthority as timestamps.url means the authority that `siegel init
// --environment test` made.
const TestAuthority = "test"

// Load reads a configuration over the defaults. A missing file is the
// defaults. The error joins every [Problem] of its form, such as unknown fields
// and values of the wrong kind; the other fields have been read then.
func Load(path string) (Config, error) {
	var c Config
	if err := yaml.UnmarshalWithOptions([]byte(Default), &c, yaml.Strict()); err != nil {
		return c, fmt.Errorf("the built-in configuration: %w", err)
	}
	return c, settings.Load(path, &c)
}

// Sentence is a text for users that waits for its language.
type Sentence = console.Sentence

// say makes a sentence.
func say(sentence string, args ...any) Sentence { return Sentence{Text: sentence, Args: args} }

// Environment says what a data directory is for; fixed at init (decision D18).
type Environment string

// The environments.
const (
	Test       Environment = "test"
	Production Environment = "production"
)

// DevelopmentName is the subject of the certificate that init makes for tests.
const DevelopmentName = "Siegel development, not for production"

// DirTest is the folder of the data directory with what init makes for tests.
const DirTest = "test"

// Problem is one thing that is wrong with a configuration.
type Problem = settings.Problem

// Check returns every problem at once, joined; each is a [Problem].
func (c Config) Check(environment Environment) error {
	var bad []error
	problem := func(field string, what, remedy Sentence) {
		bad = append(bad, Problem{Field: field, What: what, Remedy: remedy})
	}
	c.checkDoors(environment, problem)
	c.checkHealth(environment, problem)
	c.checkWeb(environment, problem)
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		problem("tls", say("certificate and key go together"), say("set both or none"))
	}
	c.checkFiles(environment, problem)
	c.checkKept(problem)
	c.checkNumbers(problem)
	c.checkTimestamps(environment, problem)
	if c.Log.Level != "debug" && c.Log.Level != "info" && c.Log.Level != "warn" && c.Log.Level != "error" {
		problem("log.level", say("there is no level %q", c.Log.Level), say("write debug, info, warn or error"))
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		problem("log.format", say("there is no format %q", c.Log.Format), say("write text or json"))
	}
	return errors.Join(bad...)
}

// hostForm is what a greeting may have as its name.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,253}[A-Za-z0-9])?$`)

func (c Config) checkDoors(environment Environment, problem func(field string, what, remedy Sentence)) {
	for field, h := range map[string]string{"lmtp.hostname": c.LMTP.Hostname, "journal.hostname": c.Journal.Hostname} {
		if h != "" && !hostForm.MatchString(h) {
			problem(field, say("%q is no host name", h), say("write a name like mail.example.org"))
		}
	}
	c.checkListen("lmtp.listen", c.LMTP.Listen, environment, problem)
	c.checkListen("journal.listen", c.Journal.Listen, environment, problem)
	c.checkListen("journal.listen_tls", c.Journal.ListenTLS, environment, problem)
	if len(c.Journal.ListenTLS) > 0 && c.TLS.Certificate == "" {
		problem("journal.listen_tls", say("there is no certificate"), say("set tls.certificate and tls.key"))
	}
	if len(c.LMTP.Listen)+len(c.LMTP.Sockets)+len(c.Journal.Listen)+len(c.Journal.ListenTLS) == 0 {
		problem("lmtp", say("there is no door for mail"), say("set lmtp.listen or lmtp.sockets"))
	}
}

func (c Config) checkListen(field string, addresses []string, environment Environment, problem func(field string, what, remedy Sentence)) {
	for _, a := range addresses {
		host, port, err := net.SplitHostPort(a)
		if err != nil {
			problem(field, say("%q is no address", a), say("write host:port, for example 127.0.0.1:2003"))
			continue
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			problem(field, say("%q is no port", port), say("write a number from 1 to 65535; 0 takes a free one"))
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) && c.TLS.Certificate == "" && environment == Production {
			problem(field, say("%s is not loopback and there is no certificate", a), say("set tls.certificate and tls.key, or listen on 127.0.0.1 or a socket"))
		}
	}
}

func (c Config) checkHealth(environment Environment, problem func(field string, what, remedy Sentence)) {
	if d := c.Health.Drain; d < 0 || d > time.Minute {
		problem("health.drain", say("%v is out of bounds", d), say("choose between 0s and 1m"))
	}
	c.checkOne("health.listen", c.Health.Listen, environment, problem)
}

func (c Config) checkWeb(environment Environment, problem func(field string, what, remedy Sentence)) {
	c.checkOne("web.listen", c.Web.Listen, environment, problem)
	if _, err := c.Web.Networks(); err != nil {
		problem("web.proxies", say("this is no list of networks"), say("write addresses, or networks such as 10.0.0.0/8"))
	}
	if a, err := mail.ParseAddress(c.Web.SecurityContact); c.Web.SecurityContact != "" && (err != nil || a.Address != c.Web.SecurityContact) {
		problem("web.security_contact", say("%q is not an e-mail address", c.Web.SecurityContact), say("write the address of who looks after weaknesses, such as security@clinic.example"))
	}
	if c.Web.URL == "" {
		return
	}
	u, err := url.Parse(c.Web.URL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" {
		problem("web.url", say("this is no address of a site"), say("write https://archive.example.org"))
	} else if u.Scheme == "http" && environment == Production && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" {
		problem("web.url", say("people would send their passwords without encryption"), say("write https://…"))
	}
}

// Networks are those of the proxies in front.
func (w Web) Networks() (list []netip.Prefix, err error) {
	for _, s := range w.Proxies {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(s); err != nil {
				return nil, err
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

// checkOne checks the address of a door that may be shut.
func (c Config) checkOne(field, address string, environment Environment, problem func(field string, what, remedy Sentence)) {
	if address != "" {
		c.checkListen(field, []string{address}, environment, problem)
	}
}

func (c Config) checkNumbers(problem func(field string, what, remedy Sentence)) {
	for _, n := range []struct {
		field         string
		value, lo, hi int64
	}{
		{"limits.message_bytes", c.Limits.MessageBytes, 1 << 16, 1 << 30},
		{"limits.recipients", int64(c.Limits.Recipients), 100, 100_000},
		{"limits.connections", int64(c.Limits.Connections), 1, 100_000},
		{"limits.connections_by_peer", int64(c.Limits.ConnectionsByPeer), 1, 100_000},
		{"limits.messages_by_peer_and_minute", int64(c.Limits.MessagesByMinute), 1, 10_000_000},
		{"limits.memory_bytes", c.Limits.MemoryBytes, 16 << 20, 1 << 40},
		{"limits.export_messages", c.Limits.ExportMessages, 1, 1 << 40},
		{"limits.export_bytes", c.Limits.ExportBytes, 1, 1 << 50},
		{"sessions.open", int64(c.Sessions.Open), 1, 100_000},
		{"sessions.browsers", int64(c.Sessions.Browsers), 1, 100_000},
		{"sessions.derivations", int64(c.Sessions.Derivations), 1, 64},
	} {
		if n.value < n.lo || n.value > n.hi {
			problem(n.field, say("%d is out of bounds", n.value), say("choose between %d and %d", n.lo, n.hi))
		}
	}
	if d := c.Limits.Idle; d < time.Second || d > time.Hour {
		problem("limits.idle", say("%v is out of bounds", d), say("choose between 1s and 1h"))
	}
	if d := c.Ledger.CheckpointEvery; d < time.Second || d > 24*time.Hour {
		problem("ledger.checkpoint_every", say("%v is out of bounds", d), say("choose between 1s and 24h"))
	}
}

func (c Config) checkTimestamps(environment Environment, problem func(field string, what, remedy Sentence)) {
	switch u, err := url.Parse(c.Timestamps.URL); {
	case c.Timestamps.URL == "":
	case c.Timestamps.URL == TestAuthority && environment == Production:
		problem("timestamps.url", say("the test authority proves nothing"), say("name the URL of an RFC 3161 authority"))
	case c.Timestamps.URL == TestAuthority:
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "":
		problem("timestamps.url", say("this is no http or https URL"), say("write https://… of an RFC 3161 authority"))
	case environment == Production && c.Timestamps.Roots == "":
		problem("timestamps.roots", say("the authority's root certificates are missing"), say("name a PEM file: tokens are checked against it before they are kept"))
	}
}
