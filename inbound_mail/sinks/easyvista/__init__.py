"""The EasyVista Service Manager sink."""
