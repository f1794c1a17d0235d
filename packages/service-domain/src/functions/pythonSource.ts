/**
 * The runtime of Python functions. It is handed to the interpreter as it is, so that there is no file to be found.
 *
 * It reads batches from descriptor 3 and writes records to descriptor 4, so that what a function prints does not get in
 * the way. Runs on Python 3.6 and later, with the standard library alone.
 *
 * @since 0.1.0
 */
export const pythonSource: string = String.raw`
import asyncio, faulthandler, inspect, json, linecache, logging, mmap, os, signal, struct, sys, threading, time, traceback, types

SENT, DONE, FAILED, MISUSED, READY, NOT_LOADED, OUT_OF_MEMORY = range(7)
FLUSH_BYTES, FLUSH_SECONDS = 65536, 0.02


class Sink:
    """Collects records, and writes them when there are many, or the last time is a while ago."""

    def __init__(self, fd):
        self.fd, self.parts, self.size, self.last = fd, [], 0, time.monotonic()

    def sent(self, payload):
        # what was sent before: with this one goes the end of its message, where that is near
        if self.size > FLUSH_BYTES or time.monotonic() - self.last > FLUSH_SECONDS:
            self.flush()
        self.parts.append(struct.pack("<BI", SENT, len(payload)))
        self.parts.append(payload)
        self.size += len(payload) + 5

    def bare(self, kind):
        self.parts.append(bytes((kind,)))
        self.size += 1
        if self.size > FLUSH_BYTES or time.monotonic() - self.last > FLUSH_SECONDS:
            self.flush()

    def trouble(self, kind, message, context):
        payload = json.dumps({"message": message, "context": context}).encode()
        self.parts.append(struct.pack("<BI", kind, len(payload)) + payload)
        self.flush()

    def flush(self):
        rest = memoryview(b"".join(self.parts))
        self.parts, self.size = [], 0
        while rest:
            rest = rest[os.write(self.fd, rest):]
        self.last = time.monotonic()


class Context:
    """What main gets beside the message."""

    def __init__(self, sink, config, inputs):
        self._sink, self._config, self._inputs = sink, config, inputs
        self._topic, self._timestamp, self._payload, self._misuse = "", 0, b"", None
        self._selectors = {}

    def get_config(self):
        """The parameters of the function, each of them a string."""
        return self._config

    def get_topic(self):
        """The name of the stream, or of the pipeline, that the message came from."""
        return self._topic

    def get_timestamp(self):
        """When the message was made: nanoseconds since the Unix epoch."""
        return self._timestamp

    def get_payload(self):
        """The message."""
        return self._payload

    def get_selector(self, category):
        """The value that the stream has of a category, given by its id or its name; None where it has none."""
        return self._selectors.get(category)

    def send(self, message):
        """Passes bytes on."""
        if type(message) is not bytes:
            if not isinstance(message, (bytearray, memoryview)):
                self._misuse = "ctx.send takes bytes, got " + type(message).__name__
                raise TypeError(self._misuse)
            message = bytes(message)
        self._sink.sent(message)


def describe(error):
    try:
        return type(error).__name__ + ": " + str(error)
    except Exception:
        return type(error).__name__


def context_of(error):
    # without the frames of this runtime
    at = error.__traceback__
    while at is not None and at.tb_frame.f_code.co_filename == "<string>":
        at = at.tb_next
    return "".join(traceback.format_exception(type(error), error, at))


def watch(parent):
    # a service domain that was killed cannot end its functions
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def limit(memory):
    try:
        import resource
        with open("/proc/self/status") as status:
            used = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))
        resource.setrlimit(resource.RLIMIT_DATA, (used + memory, used + memory))
    except (ImportError, OSError, StopIteration, ValueError):
        pass


def load(path, name):
    module = types.ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    with open(path, "rb") as file:
        code = file.read()
    # tracebacks have its lines when the file is gone
    text = code.decode("utf-8", "replace")
    linecache.cache[path] = (len(text), None, text.splitlines(True), path)
    exec(compile(code, path, "exec"), module.__dict__)
    main = getattr(module, "main", None)
    if not callable(main):
        raise TypeError("the function has no main(ctx, msg)")
    return main


def run():
    os.set_inheritable(3, False)
    os.set_inheritable(4, False)
    source = os.fdopen(3, "rb", buffering=1 << 18)
    sink = Sink(4)
    (size,) = struct.unpack("<I", source.read(4))
    options = json.loads(source.read(size).decode())
    threading.Thread(target=watch, args=(os.getppid(),), daemon=True).start()
    logging.basicConfig(level=logging.INFO, format="[%(asctime)s %(name)s %(levelname)s] %(message)s")
    # before it is killed for taking too long, it is asked where it is
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, all_threads=False)
    inputs = [(each["topic"], each["selectors"]) for each in options["inputs"]]
    ctx = Context(sink, options["params"], inputs)
    with open(options["progress"], "r+b") as file:
        progress = mmap.mmap(file.fileno(), 4)
    limit(options["memoryBytes"])
    sys.argv = [options["path"]]
    # in place of the working directory
    sys.path[0:1] = [os.path.dirname(options["path"])]
    try:
        main = load(options["path"], options["module"])
    except MemoryError as error:
        sink.trouble(OUT_OF_MEMORY, describe(error), context_of(error))
        os._exit(1)
    except Exception as error:
        sink.trouble(NOT_LOADED, describe(error), context_of(error))
        os._exit(1)
    sink.bare(READY)
    sink.flush()
    loop = None
    begun = 0
    head, mark = struct.Struct("<HqI"), struct.Struct("<I")
    while True:
        length = source.read(4)
        if len(length) < 4:
            return
        (size,) = mark.unpack(length)
        batch = source.read(size)
        if len(batch) < size:
            return
        at = 0
        while at < size:
            index, ctx._timestamp, length = head.unpack_from(batch, at)
            at += 14
            msg = batch[at:at + length]
            at += length
            begun = (begun + 1) & 0xFFFFFFFF
            mark.pack_into(progress, 0, begun)
            ctx._topic, ctx._selectors = inputs[index]
            ctx._payload = msg
            ctx._misuse = None
            try:
                result = main(ctx, msg)
                if result is not None and inspect.iscoroutine(result):
                    if loop is None:
                        loop = asyncio.new_event_loop()
                        asyncio.set_event_loop(loop)
                    loop.run_until_complete(result)
                if ctx._misuse is not None:
                    sink.trouble(MISUSED, ctx._misuse, "")
                sink.bare(DONE)
            except MemoryError as error:
                sink.trouble(OUT_OF_MEMORY, describe(error), context_of(error))
                os._exit(1)
            except Exception as error:
                sink.trouble(FAILED, describe(error), context_of(error))
        sink.flush()


run()
`
