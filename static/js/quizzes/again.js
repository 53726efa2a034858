// A page that waits for the server's work loads again by itself after a moment.
setTimeout(() => location.reload(), 4000);
