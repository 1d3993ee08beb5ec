// The key stays in the page's memory: persistAuthorization would leave it in the browser's storage.
"use strict";

const KEY_HEADER = "x-functions-key";

const manners = (system) => ({
  wrapComponents: {
    // The addresses of the description's author lead nowhere; each gateway has people of its own.
    Contact: () => () => null,
    // What is pasted into a chat or shown on a screen holds no key.
    curl: (Curl) => (given) => {
      const request = given.request.hasIn(["headers", KEY_HEADER])
        ? given.request.setIn(["headers", KEY_HEADER], "YOUR-KEY")
        : given.request;
      return system.React.createElement(Curl, { ...given, request });
    },
  },
});

window.viewer = SwaggerUIBundle({
  // Not openapi.json: Swagger UI reads OpenAPI 3.1 anew for each operation that is opened, which takes seconds.
  url: "swagger.json",
  dom_id: "#viewer",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false,
  plugins: [manners],
  showExtensions: false,
  tryItOutEnabled: true,
  validatorUrl: null,
  onComplete: () => window.viewer.layoutActions.show(["operations-tag", "For designers"], false),
});
