package receive

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"

	"siegel/internal/identity/source"
	"siegel/internal/mail"
	"siegel/internal/proto/smtp"
)

// Sources says who may hand in mail: identity/source. It is called from many
// goroutines.
type Sources interface {
	// Match says which source a client is who delivers to an address.
	Match(ctx context.Context, to mail.Address, p source.Proof) (source.Found, error)
	// SignIn returns the source of a user name and a secret.
	SignIn(ctx context.Context, user string, secret []byte) (source.Found, error)
}

// journal answers once for all recipients (RFC 5321 section 4.1.1.4), which are of
// one source.
func journal() dialect {
	return dialect{
		door: mail.DoorJournal, name: "ESMTP", hello: []smtp.Verb{smtp.Ehlo, smtp.Helo}, auth: true,
		whose:  func(ctx context.Context, c *session, a smtp.Address) (mail.TenantID, error) { return c.match(ctx, a) },
		answer: func(each []smtp.Reply) []smtp.Reply { return each[:1] },
	}
}

// maxGuesses is how many wrong secrets end a connection.
const maxGuesses = 3

// guest is what the client of the journal door has shown of himself.
type guest struct {
	proof   source.Proof
	signed  source.Found  // as whom he signed in; zero if he did not
	tenant  mail.TenantID // whose the connection is, once secret or certificate said so
	guesses int           // wrong secrets
}

// certified takes over what the handshake has shown: the client has the key of the
// certificate that he sent. Who issued it does not matter.
func (g *guest) certified(state *tls.ConnectionState) {
	if len(state.PeerCertificates) > 0 {
		sum := sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo)
		g.proof.Certificate = sum[:]
	}
}

// errAnother means that a recipient is of another source than the transaction, or
// of another tenant than the connection.
var errAnother = errors.New("receive: another source")

// match says whose a recipient is, and makes the transaction his source's.
func (c *session) match(ctx context.Context, a smtp.Address) (_ mail.TenantID, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.WorkTime)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			err = c.bug(v)
		}
	}()
	f, err := c.srv.deps.Sources.Match(ctx, mail.NewAddress(a.String()), c.guest.proof)
	switch {
	case errors.Is(err, source.ErrNone):
		c.srv.deps.Count.Refused(f.Tenant, mail.DoorJournal, mail.RefusedRecipient)
		return f.Tenant, err
	case errors.Is(err, source.ErrSignIn):
		c.srv.deps.Count.Refused(f.Tenant, f.ID.String(), mail.RefusedAuth)
		return f.Tenant, err
	case err != nil:
		c.srv.deps.Count.Refused(f.Tenant, mail.DoorJournal, mail.RefusedLater)
		return f.Tenant, err
	case !c.guest.tenant.IsZero() && c.guest.tenant != f.Tenant,
		len(c.tx.to) > 0 && c.tx.found.ID != f.ID:
		return f.Tenant, errAnother
	}
	if len(c.guest.proof.Certificate) > 0 && c.guest.tenant.IsZero() {
		c.guest.tenant = f.Tenant
	}
	c.tx.found = f
	return f.Tenant, nil
}

// offersAuth says whether AUTH would be taken now.
func (c *session) offersAuth() bool {
	return c.srv.door.auth && c.tls != nil && c.guest.signed.ID.IsZero()
}

// auth answers AUTH (RFC 4954 section 4).
func (c *session) auth(ctx context.Context, arg string) error {
	switch {
	case !c.srv.door.auth:
		return c.fail(sayNoSuch)
	case c.tls == nil:
		return c.fail(sayAuthTLS)
	case !c.hello || c.tx != nil || !c.offersAuth():
		return c.fail(sayOrder)
	}
	start, err := smtp.ParseAuth(arg)
	if err != nil {
		return c.fail(sayAuthBad)
	}
	var user string
	var secret []byte
	switch start.Mechanism {
	case "PLAIN":
		user, secret, err = c.plain(start)
	case "LOGIN":
		user, secret, err = c.login(start)
	default:
		return c.fail(sayAuthHow)
	}
	defer clear(secret)
	switch {
	case errors.Is(err, smtp.ErrCancelled):
		return c.fail(sayAuthStop)
	case errors.Is(err, smtp.ErrEndless), err != nil && !isSyntax(err):
		return err
	case err != nil:
		return c.fail(sayAuthBad)
	}
	return c.signIn(ctx, user, secret)
}

// plain reads what the mechanism PLAIN has (RFC 4616), in AUTH itself or after it.
func (c *session) plain(start smtp.AuthStart) (user string, secret []byte, err error) {
	b := start.Initial
	if !start.Given {
		if b, err = c.ask(""); err != nil {
			return "", nil, err
		}
	}
	return smtp.ParsePlain(b)
}

// login reads what the mechanism LOGIN has: user name and secret, each after a
// question. No RFC has it, and many mail servers nothing else.
func (c *session) login(start smtp.AuthStart) (user string, secret []byte, err error) {
	b := start.Initial
	if !start.Given {
		if b, err = c.ask("Username:"); err != nil {
			return "", nil, err
		}
	}
	secret, err = c.ask("Password:")
	return string(b), secret, err
}

// ask sends a challenge and reads the response.
func (c *session) ask(question string) ([]byte, error) {
	c.say(smtp.Reply{Code: 334, Text: base64.StdEncoding.EncodeToString([]byte(question))})
	if err := c.wire.await(); err != nil {
		return nil, err
	}
	defer c.wire.busy()
	return smtp.ReadResponse(c.wire.br)
}

// signIn looks at a secret. Guessing is slow: a peer has few tries a minute, over
// all its connections, and a connection three.
func (c *session) signIn(ctx context.Context, user string, secret []byte) (err error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.WorkTime)
	defer cancel()
	if !c.srv.peers.Try(c.peer) {
		c.log.Warn("a client tries secrets: put off")
		c.srv.deps.Count.Refused(c.tenantOf(ctx, user), mail.DoorJournal, mail.RefusedAuth)
		return c.end(sayGuess)
	}
	f, err := c.trySecret(ctx, user, secret)
	switch {
	case err == nil:
		c.srv.peers.Right(c.peer)
		c.guest.signed, c.guest.tenant, c.guest.proof.Source = f, f.Tenant, f.ID
		c.say(sayAuthOK)
		return nil
	case !errors.Is(err, source.ErrNone):
		c.srv.peers.Right(c.peer)
		c.log.Error("a source could not be looked up", "error", err)
		c.say(sayAuthLate)
		return nil
	}
	key := mail.DoorJournal
	if !f.ID.IsZero() {
		key = f.ID.String()
	}
	c.srv.deps.Count.Refused(f.Tenant, key, mail.RefusedAuth)
	if c.guest.guesses++; c.guest.guesses >= maxGuesses {
		c.say(sayAuthNo)
		return c.end(sayGuess)
	}
	return c.fail(sayAuthNo)
}

// tenantOf returns whose domain a user name has, zero where it is nobody's. The secret
// is not looked at.
func (c *session) tenantOf(ctx context.Context, user string) mail.TenantID {
	defer func() {
		if v := recover(); v != nil {
			_ = c.bug(v)
		}
	}()
	f, _ := c.srv.deps.Sources.Match(ctx, mail.NewAddress(user), source.Proof{})
	return f.Tenant
}

func (c *session) trySecret(ctx context.Context, user string, secret []byte) (f source.Found, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = c.bug(v)
		}
	}()
	return c.srv.deps.Sources.SignIn(ctx, user, secret)
}

// refuse counts a transaction that ended before it had a recipient.
func (c *session) refuse(why mail.Refusal) {
	key := c.srv.door.door
	if !c.guest.signed.ID.IsZero() {
		key = c.guest.signed.ID.String()
	}
	c.srv.deps.Count.Refused(c.guest.tenant, key, why)
}

// refusedOf counts what of a message was refused, once for each tenant of its
// recipients.
func (c *session) refusedOf(each []smtp.Reply) {
	key := c.srv.door.door
	if !c.tx.found.ID.IsZero() {
		key = c.tx.found.ID.String()
	}
	seen := make(map[mail.TenantID]bool)
	for i, r := range each {
		if tenant := c.tx.to[i].tenant; !r.OK() && !seen[tenant] {
			seen[tenant] = true
			c.srv.deps.Count.Refused(tenant, key, reason(r))
		}
	}
}

// reason is as what a reply to a message is counted.
func reason(r smtp.Reply) mail.Refusal {
	switch {
	case r.Code == sayLarge.Code:
		return mail.RefusedSize
	case r.Code == 452:
		return mail.RefusedRoom
	case r.Temporary():
		return mail.RefusedLater
	default:
		return mail.RefusedPolicy
	}
}
