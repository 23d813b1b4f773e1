package receive

import (
	"context"
	"errors"

	"siegel/internal/identity/source"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/smtp"
)

// mail answers MAIL: a transaction begins.
func (c *session) mail(arg string) error {
	switch {
	case !c.safe && c.tls == nil:
		return c.fail(sayNeedTLS)
	case !c.hello || c.tx != nil:
		return c.fail(sayOrder)
	}
	from, err := smtp.ParseMail(arg)
	if err != nil {
		r, _ := smtp.ReplyTo(err)
		return c.fail(r)
	}
	if from.Size > c.cfg.MaxSize {
		c.refuse(mail.RefusedSize)
		c.say(sayLarge) // RFC 1870 section 6.1: before a single octet is sent
		return nil
	}
	if !c.srv.peers.Transaction(c.peer) {
		c.refuse(mail.RefusedLater)
		c.say(sayOften)
		return nil
	}
	c.tx = &transaction{from: from, known: make(map[mail.Domain]mail.TenantID)}
	c.wire.transaction(true)
	c.say(saySender)
	return nil
}

// rcpt answers RCPT: a recipient is taken if his domain is some tenant's. All
// that are not get the same reply, which tells nothing else.
func (c *session) rcpt(ctx context.Context, arg string) error {
	if c.tx == nil || c.tx.in != nil {
		return c.outOfOrder()
	}
	to, err := smtp.ParseRcpt(arg, c.tx.from.UTF8)
	if err != nil {
		r, _ := smtp.ReplyTo(err)
		return c.fail(r)
	}
	if len(c.tx.to) >= c.cfg.MaxRecipients {
		c.say(sayMany) // RFC 5321 section 4.5.3.1.10
		return nil
	}
	tenant, err := c.srv.door.whose(ctx, c, to.Recipient)
	if err != nil {
		return c.unwelcome(err)
	}
	c.refused = 0
	c.tx.to = append(c.tx.to, recipient{to.Recipient, tenant})
	c.say(sayRcpt)
	return nil
}

// unwelcome answers RCPT where the recipient is not taken. Who has too many
// refused in a row is ended.
func (c *session) unwelcome(err error) error {
	switch {
	case errors.Is(err, source.ErrNone):
		if !c.srv.peers.Guess(c.peer) {
			c.log.Warn("a client tries journal addresses: put off")
			return c.end(sayRefused)
		}
		c.say(sayNoSource)
	case errors.Is(err, source.ErrSignIn):
		c.say(sayNeedAuth)
	case errors.Is(err, errAnother):
		c.say(sayAnother) // RFC 5321 section 4.5.3.1.10: he tries it in another transaction
		return nil
	default:
		c.say(replyTo(err))
		if fault.Of(err) != fault.NotFound {
			c.log.Error("recipient put off: the database did not say whose it is", "kind", fault.Of(err), "error", err)
			return nil
		}
	}
	if c.refused++; c.refused >= c.cfg.MaxRefused {
		return c.end(sayRefused)
	}
	return nil
}

// route asks the router once for each domain of a transaction.
func (c *session) route(ctx context.Context, d mail.Domain) (tenant mail.TenantID, err error) {
	if tenant, ok := c.tx.known[d]; ok {
		return tenant, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.WorkTime)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			err = c.bug(v)
		}
	}()
	tenant, err = c.srv.deps.Router.Tenant(ctx, d)
	if err == nil && tenant.IsZero() {
		// The zero tenant is the instance itself, which takes no mail.
		err = errors.New("receive: the router named no tenant")
	}
	if err == nil {
		c.tx.known[d] = tenant
	}
	return tenant, err
}
