package receive

import (
	"siegel/internal/kit/fault"
	"siegel/internal/proto/smtp"
)

// replies is the only place where a fault becomes an SMTP code. The texts tell
// the sender what to do and nothing about the system.
var replies = map[fault.Kind]smtp.Reply{
	fault.Internal:  {Code: 451, Enhanced: "4.3.0", Text: "Local error, please try again later"},
	fault.Invalid:   {Code: 554, Enhanced: "5.6.0", Text: "Message not accepted"},
	fault.NotFound:  {Code: 550, Enhanced: "5.1.2", Text: "Recipient not accepted here"},
	fault.Denied:    {Code: 550, Enhanced: "5.7.1", Text: "Refused by policy"},
	fault.Locked:    {Code: 451, Enhanced: "4.3.0", Text: "Local error, please try again later"},
	fault.Conflict:  {Code: 451, Enhanced: "4.3.0", Text: "Local error, please try again later"},
	fault.Busy:      {Code: 451, Enhanced: "4.3.2", Text: "Busy, please try again later"},
	fault.Exhausted: {Code: 452, Enhanced: "4.3.1", Text: "Out of storage, please try again later"},
	// What is damaged is ours to mend: the mail waits with its sender.
	fault.Damaged: {Code: 451, Enhanced: "4.3.0", Text: "Local error, please try again later"},
}

// replyTo returns the reply to an error of a room.
func replyTo(err error) smtp.Reply {
	if r, ok := replies[fault.Of(err)]; ok {
		return r
	}
	return replies[fault.Internal]
}

// Replies of the dialogue itself.
var (
	sayOK       = smtp.Reply{Code: 250, Enhanced: "2.0.0", Text: "OK"}
	saySender   = smtp.Reply{Code: 250, Enhanced: "2.1.0", Text: "Sender OK"}
	sayRcpt     = smtp.Reply{Code: 250, Enhanced: "2.1.5", Text: "Recipient OK"}
	sayGo       = smtp.Reply{Code: 354, Text: "Go ahead, end with a period on a line of its own"}
	sayTLS      = smtp.Reply{Code: 220, Enhanced: "2.0.0", Text: "Ready for TLS"}
	sayBye      = smtp.Reply{Code: 221, Enhanced: "2.0.0", Text: "Bye"}
	sayHelp     = smtp.Reply{Code: 214, Enhanced: "2.0.0", Text: "See RFC 5321 and RFC 2033"}
	sayVrfy     = smtp.Reply{Code: 252, Enhanced: "2.5.0", Text: "Send mail to find out"}
	sayUnknown  = smtp.Reply{Code: 500, Enhanced: "5.5.1", Text: "Command not recognized"}
	sayNoSuch   = smtp.Reply{Code: 502, Enhanced: "5.5.1", Text: "Command not offered"}
	sayOrder    = smtp.Reply{Code: 503, Enhanced: "5.5.1", Text: "Bad sequence of commands"}
	sayNeedTLS  = smtp.Reply{Code: 530, Enhanced: "5.7.0", Text: "Must issue a STARTTLS command first"}
	sayNoSource = smtp.Reply{Code: 550, Enhanced: "5.7.1", Text: "Not accepted here"}
	sayNeedAuth = smtp.Reply{Code: 530, Enhanced: "5.7.0", Text: "Authentication required"}
	sayAnother  = smtp.Reply{Code: 451, Enhanced: "4.5.3", Text: "One source at a time, please send this recipient apart"}
	sayAuthOK   = smtp.Reply{Code: 235, Enhanced: "2.7.0", Text: "Authentication succeeded"}
	sayAuthNo   = smtp.Reply{Code: 535, Enhanced: "5.7.8", Text: "Authentication credentials invalid"}
	sayAuthTLS  = smtp.Reply{Code: 538, Enhanced: "5.7.11", Text: "Encryption required for authentication"}
	sayAuthHow  = smtp.Reply{Code: 504, Enhanced: "5.5.4", Text: "Mechanism not offered"}
	sayAuthStop = smtp.Reply{Code: 501, Enhanced: "5.7.0", Text: "Authentication cancelled"}
	sayAuthBad  = smtp.Reply{Code: 501, Enhanced: "5.5.2", Text: "Not base64, or not what the mechanism has"}
	sayAuthLate = smtp.Reply{Code: 454, Enhanced: "4.7.0", Text: "Temporary authentication failure"}
	sayGuess    = smtp.Reply{Code: 421, Enhanced: "4.7.0", Text: "Too many failed authentications, please try again later"}
	sayMany     = smtp.Reply{Code: 452, Enhanced: "4.5.3", Text: "Too many recipients"}
	sayLarge    = smtp.Reply{Code: 552, Enhanced: "5.3.4", Text: "Message too large"}
	sayOften    = smtp.Reply{Code: 451, Enhanced: "4.7.1", Text: "Too many messages, please try again later"}
	sayFull     = smtp.Reply{Code: 421, Enhanced: "4.7.0", Text: "Too many connections, please try again later"}
	sayErrors   = smtp.Reply{Code: 421, Enhanced: "4.7.0", Text: "Too many errors"}
	sayCommands = smtp.Reply{Code: 421, Enhanced: "4.7.0", Text: "Too many commands, please try again later"}
	sayRefused  = smtp.Reply{Code: 421, Enhanced: "4.7.0", Text: "Too many recipients refused"}
	saySlow     = smtp.Reply{Code: 421, Enhanced: "4.4.2", Text: "Timeout"}
	sayStopping = smtp.Reply{Code: 421, Enhanced: "4.3.2", Text: "Closing down, please come back"}
	sayBug      = smtp.Reply{Code: 421, Enhanced: "4.3.0", Text: "Local error, please try again later"}
)
