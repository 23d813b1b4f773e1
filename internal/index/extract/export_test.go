package extract

// Rights are those of a version of Landlock.
var Rights = rights
