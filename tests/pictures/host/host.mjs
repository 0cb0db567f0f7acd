// A host: shows a view in the frame of its sandbox, with the official bridge between them.
import { AppBridge, PostMessageTransport } from "@modelcontextprotocol/ext-apps/app-bridge";

const heard = { sizes: [] };
let bridge;

window.start = async ({ html, csp, sandbox, context }) => {
  const frame = document.createElement("iframe");
  frame.title = "The view";
  frame.sandbox = "allow-scripts allow-same-origin"; // of an origin of its own
  frame.src = sandbox;
  document.body.append(frame);
  bridge = new AppBridge(null, { name: "test host", version: "1" }, {}, { hostContext: context });
  const ready = new Promise((resolve) => (bridge.onsandboxready = resolve));
  const initialized = new Promise((resolve) => (bridge.oninitialized = resolve));
  bridge.onsizechange = (size) => {
    heard.sizes.push(size);
    frame.style.height = `${size.height}px`;
  };
  bridge.onerror = (error) => console.error(error);
  await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  await ready;
  await bridge.sendSandboxResourceReady({ html, csp });
  await initialized;
  return { app: bridge.getAppVersion(), can: bridge.getAppCapabilities() };
};

window.tell = async ({ input, result }) => {
  await bridge.sendToolInput({ arguments: input });
  await bridge.sendToolResult(result);
};

window.cancel = () => bridge.sendToolCancelled({ reason: "the user stopped it" });
window.change = (context) => bridge.setHostContext(context);
window.end = () => bridge.teardownResource({});
window.heard = heard;
