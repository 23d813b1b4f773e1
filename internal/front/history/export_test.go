package history

// About reports whether an event says that somebody got to see a message.
var About = about
