// What a pipeline calls for each message. Sending nothing filters it out.
exports.main = async function(ctx, msg) {
  ctx.send(msg)
}
