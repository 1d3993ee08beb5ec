// The key stays in the page's memory: persistAuthorization would leave it in the browser's storage.
"use strict";

window.viewer = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#viewer",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false,
  showExtensions: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
