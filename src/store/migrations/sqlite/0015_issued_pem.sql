-- Of the gateway's own authority: the certificate as it was issued (PEM), so that it can be fetched. Of older ones nothing is kept.
ALTER TABLE certificates ADD COLUMN pem TEXT;
