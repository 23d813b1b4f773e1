package app

import (
	"context"
	"net"

	"siegel/internal/flow/receive"
	"siegel/internal/identity/source"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/journal"
)

// openJournal opens the door for journaling mail servers, or returns nil where it
// is to stay shut. Its limits are those of the other door; a message of the greatest
// size fits in with a report around it.
func (a *App) openJournal(c receive.Config, d receive.Deps) (*receive.Server, error) {
	j := a.Config.Journal
	if len(j.Listen)+len(j.ListenTLS) == 0 {
		return nil, nil
	}
	c.Hostname, c.TCP, c.Implicit, c.Unix = j.Hostname, j.Listen, j.ListenTLS, nil
	c.MaxSize += journal.MaxAround
	door, err := receive.NewJournal(c, d)
	return door, fault.Because(fault.Invalid, "a door cannot be opened: look at journal.listen and journal.listen_tls, and whether another program has the address", err)
}

// JournalAddrs returns the addresses of the journal door: those with STARTTLS, then
// those with TLS from the first octet.
func (s *Server) JournalAddrs() []net.Addr {
	if s.journal == nil {
		return nil
	}
	return s.journal.Addrs()
}

func (s *Server) closeDoors() {
	s.door.Close()
	if s.journal != nil {
		s.journal.Close()
	}
}

// journalSources keeps the mail of a tenant that is shut with its senders, as
// router does.
type journalSources struct{ *App }

// Match implements [receive.Sources].
func (j journalSources) Match(ctx context.Context, to mail.Address, p source.Proof) (source.Found, error) {
	f, err := j.Identity.Sources().Match(ctx, to, p)
	if err == nil {
		err = j.Ledger.Shut(f.Tenant)
	}
	return f, err
}

// SignIn implements [receive.Sources].
func (j journalSources) SignIn(ctx context.Context, user string, secret []byte) (source.Found, error) {
	return j.Identity.Sources().SignIn(ctx, user, secret)
}

// counted returns the tenants whose hours are entered: a tenant that is shut waits.
func (a *App) counted(ctx context.Context) (list []mail.TenantID, err error) {
	tenants, err := a.Identity.Tenants(ctx)
	for _, t := range tenants {
		if a.Ledger.Shut(t.ID) == nil {
			list = append(list, t.ID)
		}
	}
	return list, err
}

// live returns the sources of a tenant that should hand something in: those that are
// registered, and the LMTP door.
func (a *App) live(ctx context.Context, tenant mail.TenantID) (map[string]bool, error) {
	list, err := a.Identity.Sources().All(ctx, a.DB.Tenant(tenant))
	live := map[string]bool{mail.DoorLMTP: true}
	for _, s := range list {
		live[s.ID.String()] = true
	}
	return live, err
}
