package words

// kinds are all kinds of events, in the order in which people are offered them. A test reads
// the sources and fails for one that is emitted and has no words here.
func kinds() []Group {
	return []Group{
		{say("Signing in").Text, []Kind{
			{"sign-in", say("Signed in, or refused").Text, say("%s signed in").Text},
			{"session.end", say("Session ended").Text, say("%s ended a session").Text},
			{"person.accept", say("Invitation taken").Text, say("%s took the invitation and chose a password").Text},
			{"person.password", say("Password changed").Text, say("%s changed the own password").Text},
		}},
		{say("People and access").Text, []Kind{
			{"person.invite", say("Person invited").Text, say("%s invited %s").Text},
			{"person.role", say("Role changed").Text, say("%s changed the role of %s").Text},
			{"person.address.add", say("Address assigned").Text, say("%s assigned an address to %s").Text},
			{"person.address.remove", say("Address ended").Text, say("%s ended an address of %s").Text},
			{"person.reset", say("Account reset").Text, say("%s reset the account of %s").Text},
			{"person.remove", say("Account removed").Text, say("%s removed the account of %s").Text},
			{"access.request", say("Access requested").Text, say("%s requested access for %s").Text},
			{"access.approve", say("Request approved").Text, say("%s approved the access of %s").Text},
			{"access.reject", say("Request rejected").Text, say("%s rejected the request for %s").Text},
			{"access.withdraw", say("Request withdrawn").Text, say("%s withdrew the request for %s").Text},
			{"access.repair", say("Entry without proof removed").Text, say("%s removed what the ledger does not know").Text},
			{"recovery.use", say("Recovery kit used").Text, say("%s used the recovery kit").Text},
		}},
		{say("Mail").Text, []Kind{
			{"message.open", say("Message opened").Text, say("%s opened a message").Text},
			{"message.proof", say("Proof of a message taken").Text, say("%s took the proof of a message").Text},
			{"message.report", say("Journal report opened").Text, say("%s opened the journal report of a message").Text},
			{"conversation", say("Conversation opened").Text, say("%s opened a conversation").Text},
			{"search", say("Searched").Text, say("%s searched").Text},
			{"search.save", say("Search saved").Text, say("%s saved a search").Text},
			{"search.forget", say("Saved search deleted").Text, say("%s deleted a saved search").Text},
			{"archive.regrant", say("Older mail given back").Text, say("%s gave older mail back to %s").Text},
		}},
		{say("Cases").Text, []Kind{
			{"case.open", say("Case opened").Text, say("%s opened a case for %s").Text},
			{"case.fill", say("Case filled").Text, say("%s filled a case for %s").Text},
			{"case.end", say("Case ended").Text, say("%s ended a case for %s").Text},
		}},
		{say("Jobs and exports").Text, []Kind{
			{"job.begin", say("Job begun").Text, say("%s began a job").Text},
			{"job.end", say("Job ended").Text, say("A job of %s ended").Text},
			{"job.download", say("Part of an export taken away").Text, say("%s took away a part of an export").Text},
			{"job.cancel", say("Job cancelled").Text, say("%s cancelled a job").Text},
			{"job.delete", say("Job deleted").Text, say("%s deleted a job").Text},
			{"job.expire", say("Job expired").Text, say("%s deleted a job whose time was over").Text},
			{"export.begin", say("Export begun").Text, say("%s began an export").Text},
			{"export.page", say("Messages exported").Text, say("%s took messages out by an export").Text},
			{"export.end", say("Export ended").Text, say("An export of %s ended").Text},
		}},
		{say("Sources and import").Text, []Kind{
			{"source.add", say("Source registered").Text, say("%s registered a source").Text},
			{"source.secret", say("New secret of a source").Text, say("%s made a new secret for a source").Text},
			{"source.remove", say("Source removed").Text, say("%s removed a source").Text},
			{"import.begin", say("Import begun").Text, say("%s began an import").Text},
			{"import.end", say("Import ended").Text, say("An import of %s ended").Text},
		}},
		{say("The archive itself").Text, []Kind{
			{"tenant.create", say("Tenant founded").Text, say("%s founded the tenant").Text},
			{"domain.request", say("Domain asked for").Text, say("%s asked for a further domain").Text},
			{"domain.add", say("Domain taken").Text, say("%s approved a further domain: its mail is taken").Text},
			{"domain.reject", say("Domain rejected").Text, say("%s rejected a further domain").Text},
			{"domain.withdraw", say("Domain withdrawn").Text, say("%s withdrew the request for a further domain").Text},
			{"setting", say("Setting changed").Text, say("%s changed a setting").Text},
			{"index.catch-up", say("Mail taken into the index").Text, say("New mail was taken into the index in the session of %s").Text},
			{"index.attachments", say("Attachments read for the index").Text, say("Attachments were read for the index in the session of %s").Text},
			{"ledger.verify", say("Archive verified").Text, say("%s verified the whole archive").Text},
			{"audit.export", say("Audit trail taken out").Text, say("%s took out the audit trail as a table").Text},
		}},
	}
}
