from gateway.embedded.app import create_app as create_app
from gateway.embedded.app import create_configured_app as create_configured_app
from gateway.embedded.trial import check as check
from gateway.embedded.trial import shown as shown
